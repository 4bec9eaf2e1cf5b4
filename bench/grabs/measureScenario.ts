import { cpuOf } from '../figures/processUsage.ts';
import { medianOf, percentile } from '../figures/statistics.ts';
import type { LoadPlan, LoadResult } from '../load/loadPlan.ts';
import { type MeasuredServer, seckillServer } from '../testbed/measuredServer.ts';
import type { Testbed } from '../testbed/testbed.ts';
import { watchDurability } from './durability.ts';
import type { Scenario } from './scenarios.ts';

/** One round: the measured server and the bare server one right after the other, so that other work on the machine affects both. */
export interface Round {
  /** Requests a second, as a share of the bare server's. */
  ratio: number;
  perSecond: number;
  barePerSecond: number;
  /** Percentiles in milliseconds. */
  latency: LoadResult['latency'];
  bareP99: number;
  /** CPU time of a request, in microseconds; undefined without /proc. */
  cpuUs: { node: number; bare: number; redis: number; mysql: number } | undefined;
  /** Milliseconds from a 201 to the COMMIT; undefined if the scenario does not win. */
  durable: { p50: number; p99: number } | undefined;
  /** Answers other than 2xx, and connections that ended without an answer. */
  errors: number;
}

export interface ScenarioResult {
  name: string;
  title: string;
  goals: Scenario['goals'];
  rounds: number;
  /** The median of each figure over the rounds. */
  median: Round;
  /** Wrong answers and wrong counts in MySQL; empty if everything is exact. */
  wrong: string[];
}

export const WARM_UP_SECONDS = 1;

/** Measures one scenario: a warm-up that is not counted, then the rounds. */
export async function measureScenario(
  testbed: Testbed,
  scenario: Scenario,
  { seconds, rounds }: { seconds: number; rounds: number },
  onRound: () => void,
): Promise<ScenarioResult> {
  const server = (await scenario.startServer?.(testbed)) ?? seckillServer(testbed);
  const planOf = await scenario.setUp(testbed, rounds);
  await testbed.drained();
  const wrong: string[] = [];
  const measured: Round[] = [];
  for (let round = 0; round <= rounds; round++) {
    const plan = planOf(round);
    const run = { plan, seconds: round === 0 ? Math.min(seconds, WARM_UP_SECONDS) : seconds };
    const measureBare = async () => {
      const before = cpuOf(testbed.bare.pid);
      const load = await testbed.runLoad({
        ...run,
        ...(scenario.rate ? { rate: scenario.rate } : {}),
        url: testbed.bareUrl,
      });
      return { load, cpu: perRequest(before, cpuOf(testbed.bare.pid), load) };
    };
    // The bare server repeats an answer of the measured server, which therefore comes first in round 0. Then they take turns.
    const bareFirst = round % 2 === 1 ? await measureBare() : undefined;
    const result = await measureServer(testbed, server, scenario, run);
    await testbed.bare.call('setAnswer', result.load.sample);
    measured.push(roundOf(result, bareFirst ?? (await measureBare())));
    wrong.push(...result.wrong);
    onRound();
  }
  return {
    name: scenario.name,
    title: scenario.title,
    goals: scenario.goals,
    rounds,
    median: medianOf(measured.slice(1)),
    wrong: [...new Set(wrong)],
  };
}

/** One round of one server, with the CPU time of a request in its processes: the server, Redis, MySQL. */
export async function measureServer(
  testbed: Testbed,
  server: MeasuredServer,
  scenario: Scenario,
  run: { plan: LoadPlan; seconds: number },
) {
  const { mysql, pids } = testbed;
  const grabsBefore = await server.countGrabs();
  const measuredPids = [server.nodePid, pids.redis, pids.mysql];
  const cpuBefore = measuredPids.map(cpuOf);
  const durability = scenario.wins ? watchDurability(testbed.loadProcess, mysql) : undefined;
  const load = await testbed.runLoad({
    ...run,
    url: server.url,
    ...(scenario.rate ? { rate: scenario.rate } : {}),
    ...(scenario.wins ? { sampleEveryMs: 20 } : {}),
  });
  await server.drained();
  const durable = await durability?.end();
  const cpu = measuredPids.map((pid, place) => perRequest(cpuBefore[place], cpuOf(pid), load));

  const unknown = load.answered - countOutcomes(load, (outcome) => /^2/.test(outcome));
  const wins = countOutcomes(load, (outcome) => outcome === '201 grabbed');
  const rows = (await server.countGrabs()) - grabsBefore;
  const wrongAnswers = scenario.check(load);
  const wrong = wrongAnswers === undefined ? [] : [`${scenario.name}: ${wrongAnswers}`];
  if (rows < wins || rows > wins + unknown)
    wrong.push(`${scenario.name}: ${wins} grabs were answered 201, MySQL has ${rows} new rows`);
  return { load, durable, cpu, wrong };
}

const perRequest = (before: number | undefined, after: number | undefined, { answered }: LoadResult) =>
  before === undefined || after === undefined ? undefined : (after - before) / Math.max(1, answered);

const countOutcomes = ({ outcomes }: LoadResult, isCounted: (outcome: string) => boolean) =>
  Object.entries(outcomes).reduce((sum, [outcome, count]) => sum + (isCounted(outcome) ? count : 0), 0);

type ServerResult = Awaited<ReturnType<typeof measureServer>>;

function roundOf({ load, durable, cpu }: ServerResult, bare: { load: LoadResult; cpu: number | undefined }): Round {
  const perSecond = load.answered / load.seconds;
  const barePerSecond = bare.load.answered / bare.load.seconds;
  const [node, redis, mysql] = cpu;
  return {
    ratio: perSecond / barePerSecond,
    perSecond,
    barePerSecond,
    latency: load.latency,
    bareP99: bare.load.latency.p99,
    cpuUs:
      node === undefined || redis === undefined || mysql === undefined || bare.cpu === undefined
        ? undefined
        : { node, bare: bare.cpu, redis, mysql },
    durable: durable && { p50: percentile(durable, 0.5), p99: percentile(durable, 0.99) },
    errors: countOutcomes(load, (outcome) => !/^2/.test(outcome)),
  };
}
