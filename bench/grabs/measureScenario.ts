import { cpuOf } from '../figures/processUsage.ts';
import { medianOf } from '../figures/statistics.ts';
import { type Load, type Plan, percentile } from '../load/loadPlan.ts';
import { ours as ourServer, type Target } from '../testbed/measuredServer.ts';
import type { Stage } from '../testbed/testbed.ts';
import { watchDurability } from './durability.ts';
import type { Row } from './scenarios.ts';

/** Percentiles in milliseconds. */
type Latency = Load['latency'];

/** One round of a row, ours and bare right after each other, so that what else the machine does strikes both. */
export interface Round {
  /** Requests a second, as a share of bare's. */
  ratio: number;
  perSecond: number;
  barePerSecond: number;
  latency: Latency;
  bareP99: number;
  /** CPU time a request, in microseconds; absent where /proc does not tell. */
  cpuUs: { node: number; bare: number; redis: number; mysql: number } | undefined;
  /** Milliseconds from a 201 to the COMMIT; of rows that win. */
  durable: { p50: number; p99: number } | undefined;
  /** Answers that say nothing (503) and connections that were cut off. */
  errors: number;
}

export interface Result {
  name: string;
  title: string;
  goals: Row['goals'];
  rounds: number;
  /** Of each figure the median over the rounds. */
  median: Round;
  /** What is wrong with answers or stores; empty when all is exact. */
  wrong: string[];
}

const WARM_UP_SECONDS = 1;

/** Measures one row: a warm-up that is not counted, then the rounds. */
export async function measureRow(
  stage: Stage,
  row: Row,
  { seconds, rounds }: { seconds: number; rounds: number },
  onRound: () => void,
): Promise<Result> {
  const target = (await row.target?.(stage)) ?? ourServer(stage);
  const planOf = await row.setUp(stage, rounds);
  await stage.settled();
  const wrong: string[] = [];
  const measured: Round[] = [];
  for (let round = 0; round <= rounds; round++) {
    const plan = planOf(round);
    const run = { plan, seconds: round === 0 ? Math.min(seconds, WARM_UP_SECONDS) : seconds };
    const bare = async () => {
      const before = cpuOf(stage.bare.pid);
      const load = await stage.load({ ...run, ...(row.rate ? { rate: row.rate } : {}), url: stage.bareUrl });
      return { load, cpu: perRequest(before, cpuOf(stage.bare.pid), load) };
    };
    // Bare answers what ours has answered, so ours comes first once; later they take turns.
    const bareFirst = round % 2 === 1 ? await bare() : undefined;
    const ours = await measureOurs(stage, target, row, run);
    await stage.bare.ask('answer', ours.load.sample);
    measured.push(roundOf(ours, bareFirst ?? (await bare())));
    wrong.push(...ours.wrong);
    onRound();
  }
  return {
    name: row.name,
    title: row.title,
    goals: row.goals,
    rounds,
    median: medianOf(measured.slice(1)),
    wrong: [...new Set(wrong)],
  };
}

async function measureOurs(stage: Stage, target: Target, row: Row, run: { plan: Plan; seconds: number }) {
  const { mysql, pids } = stage;
  const grabsBefore = await target.countGrabs();
  const counted = [target.nodePid, pids.redis, pids.mysql];
  const cpuBefore = counted.map(cpuOf);
  const durability = row.wins ? watchDurability(stage.crowd, mysql) : undefined;
  const load = await stage.load({
    ...run,
    url: target.url,
    ...(row.rate ? { rate: row.rate } : {}),
    ...(row.wins ? { sampleEveryMs: 20 } : {}),
  });
  await target.settled();
  const durable = await durability?.end();
  const cpu = counted.map((pid, place) => {
    return perRequest(cpuBefore[place], cpuOf(pid), load);
  });

  const unknown = load.answered - answeredAs(load, (outcome) => /^2/.test(outcome));
  const wins = answeredAs(load, (outcome) => outcome === '201 grabbed');
  const rows = (await target.countGrabs()) - grabsBefore;
  const wrong = [`${row.name}: ${row.check(load)}`].filter(() => row.check(load) !== undefined);
  if (rows < wins || rows > wins + unknown)
    wrong.push(`${row.name}: ${wins} were told 201, MySQL has ${rows} new rows`);
  return { load, durable, cpu, wrong };
}

const perRequest = (before: number | undefined, after: number | undefined, { answered }: Load) =>
  before === undefined || after === undefined ? undefined : (after - before) / Math.max(1, answered);

const answeredAs = ({ outcomes }: Load, wanted: (outcome: string) => boolean) =>
  Object.entries(outcomes).reduce((sum, [outcome, count]) => sum + (wanted(outcome) ? count : 0), 0);

type Ours = Awaited<ReturnType<typeof measureOurs>>;

function roundOf({ load, durable, cpu }: Ours, bare: { load: Load; cpu: number | undefined }): Round {
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
    errors: answeredAs(load, (outcome) => !/^2/.test(outcome)),
  };
}
