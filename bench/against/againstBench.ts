import { interruptible, stopSignal } from '../../src/cli.ts';
import { openAll } from '../../src/infra/closers.ts';
import { startProgress } from '../../src/infra/progress.ts';
import { OperatorError } from '../../src/operatorError.ts';
import { machine } from '../figures/figureTable.ts';
import { medianOf } from '../figures/statistics.ts';
import { measureServer, WARM_UP_SECONDS } from '../grabs/measureScenario.ts';
import type { Scenario } from '../grabs/scenarios.ts';
import { seckillServer } from '../testbed/measuredServer.ts';
import { openTestbed, type Testbed, type TestbedOptions } from '../testbed/testbed.ts';
import { checkOut } from './checkout.ts';
import { type PairReport, type PairRow, pairTable, ratioOf, type SideFigures } from './pairReport.ts';

// This tree compared with another revision. The load, the scenarios and the checks of this tree drive both servers, each on a
// stack of its own; only the server is started by the revision.

export interface AgainstOptions {
  /** The hash of the commit. */
  commit: string;
  scenarios: Scenario[];
  json: boolean;
  seconds: number;
  rounds: number;
  connections: number;
  customers: number;
}

/** Resolves to false when this tree gave a wrong answer. */
export async function benchAgainst(options: AgainstOptions): Promise<boolean> {
  const { commit, connections, customers, json } = options;
  const stop = new AbortController();
  const stopped = stopSignal();
  void stopped.then(() => stop.abort());
  const wrong: string[] = [];
  try {
    const root = await checkOut(commit, stop.signal);
    const { now, before, close } = await openBoth({ connections, customers, stop: stop.signal }, root);
    try {
      const against = commit.slice(0, 7);
      const report = await interruptible(stopped, measureAll(now, before, { ...options, against }, wrong));
      console.log(
        json
          ? JSON.stringify({ machine: machine(), node: process.version, ...report }, undefined, 2)
          : `${pairTable(report)}\nthis tree and its ratio to ${against}; ${machine()}, Node ${process.version}`,
      );
    } finally {
      await close();
    }
  } catch (error) {
    throw stop.signal.aborted ? new OperatorError('interrupted') : error;
  }
  for (const line of wrong) console.error(`WRONG: ${line}`);
  return wrong.length === 0;
}

const openBoth = (options: TestbedOptions, root: string) =>
  openAll(async (remember) => {
    const { testbed: now, close: closeNow } = await openTestbed(options);
    remember(closeNow);
    const { testbed: before, close: closeBefore } = await openTestbed({ ...options, root });
    remember(closeBefore);
    return { now, before };
  });

async function measureAll(
  now: Testbed,
  before: Testbed,
  { scenarios, seconds, rounds, against }: AgainstOptions & { against: string },
  wrong: string[],
): Promise<PairReport> {
  const progress = startProgress();
  const report: PairReport = { against, rows: [], leftOut: [] };
  for (const [done, scenario] of scenarios.entries()) {
    const { name, title } = scenario;
    progress.show({ label: 'measuring', done, of: scenarios.length, note: title });
    const measureNow = await measurerOf(now, scenario, rounds);
    const warmUp = Math.min(seconds, WARM_UP_SECONDS);
    wrong.push(...(await measureNow(0, warmUp)).wrong);
    const known = await warmUpRevision(before, scenario, rounds, warmUp);
    if (typeof known === 'string') {
      report.leftOut.push({ name, why: known });
      continue;
    }
    const pairs: PairRow[] = [];
    for (let round = 1; round <= rounds; round++) {
      // In turns, so that other work on the machine affects both sides.
      const beforeFirst = round % 2 === 0 ? await known(round, seconds) : undefined;
      const mine = await measureNow(round, seconds);
      const theirs = beforeFirst ?? (await known(round, seconds));
      wrong.push(...mine.wrong, ...theirs.wrong.map((line) => `${against}: ${line}`));
      pairs.push({ name, now: mine.figures, ratio: ratioOf(mine.figures, theirs.figures) });
    }
    report.rows.push(medianOf(pairs));
  }
  progress.stop();
  return report;
}

type Measure = (round: number, seconds: number) => Promise<{ figures: SideFigures; wrong: string[] }>;

/** Prepares the scenario on one side. The result measures one round. */
async function measurerOf(testbed: Testbed, scenario: Scenario, rounds: number): Promise<Measure> {
  const planOf = await scenario.setUp(testbed, rounds);
  await testbed.drained();
  return async (round, seconds) => {
    const run = { plan: planOf(round), seconds };
    const { load, cpu, wrong } = await measureServer(testbed, seckillServer(testbed), scenario, run);
    const [nodeUs, redisUs, mysqlUs] = cpu;
    const perSecond = load.answered / load.seconds;
    return { figures: { perSecond, p99: load.latency.p99, nodeUs, redisUs, mysqlUs }, wrong };
  };
}

/** Resolves to the reason when the revision cannot do what the scenario asks for. */
async function warmUpRevision(
  testbed: Testbed,
  scenario: Scenario,
  rounds: number,
  seconds: number,
): Promise<Measure | string> {
  try {
    const measure = await measurerOf(testbed, scenario, rounds);
    const { wrong } = await measure(0, seconds);
    return wrong[0] ?? measure;
  } catch (error) {
    return (error as Error).message.split('\n')[0] ?? '';
  }
}
