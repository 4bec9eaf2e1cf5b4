import { interruptible, stopSignal } from '../../src/cli.ts';
import { openAll } from '../../src/infra/closers.ts';
import { startProgress } from '../../src/infra/progress.ts';
import { figureTable, whole } from '../figures/figureTable.ts';
import { medianOf } from '../figures/statistics.ts';
import { winPlan } from '../grabs/scenarios.ts';
import { seckillServer } from '../testbed/measuredServer.ts';
import { openTestbed, PLENTY, type Testbed } from '../testbed/testbed.ts';

// Winning grabs with one server process and with two, each on a stack of its own, in turns.

const WORKERS = [1, 2];
const COUPONS = [1, 100];
const CUSTOMERS_PER_SECOND = 30_000;

export interface WorkersBenchOptions {
  seconds: number;
  rounds: number;
  connections: number;
  json: boolean;
}

interface WorkersRow {
  coupons: number;
  /** Winning grabs a second, in the order of WORKERS. */
  perSecond: number[];
  /** The last of WORKERS compared with the first: the median over the rounds. */
  ratio: number;
}

/** Resolves to false when an answer or a count was wrong. */
export async function benchWorkers({ seconds, rounds, connections, json }: WorkersBenchOptions): Promise<boolean> {
  const stopped = stopSignal();
  const { testbeds, close } = await openAll(async (remember) => {
    const testbeds: Testbed[] = [];
    for (const workers of WORKERS) {
      const customers = Math.ceil(Math.max(10_000, CUSTOMERS_PER_SECOND * seconds));
      const opened = await openTestbed({ connections, customers, environment: { WORKERS: String(workers) } });
      remember(opened.close);
      testbeds.push(opened.testbed);
    }
    return { testbeds };
  });
  const wrong: string[] = [];
  try {
    const rows = await interruptible(stopped, measureInTurns(testbeds, { seconds, rounds }, wrong));
    console.log(json ? JSON.stringify(rows, undefined, 2) : workersTable(rows));
  } finally {
    await close();
  }
  for (const line of wrong) console.error(`WRONG: ${line}`);
  return wrong.length === 0;
}

async function measureInTurns(
  testbeds: Testbed[],
  { seconds, rounds }: { seconds: number; rounds: number },
  wrong: string[],
): Promise<WorkersRow[]> {
  const progress = startProgress();
  const of = COUPONS.length * (rounds + 1);
  let done = 0;
  const rows: WorkersRow[] = [];
  for (const coupons of COUPONS) {
    const measured: number[][] = [];
    // Round 0 is the warm-up.
    for (let round = 0; round <= rounds; round++) {
      const speeds: number[] = [];
      for (const [place, testbed] of testbeds.entries()) {
        const paths = await testbed.createCoupons(`by-${coupons}-${round}`, coupons, PLENTY);
        const before = await seckillServer(testbed).countGrabs();
        const load = await testbed.runLoad({ plan: winPlan(testbed, paths), seconds });
        await testbed.drained();
        const wins = load.outcomes['201 grabbed'] ?? 0;
        const newRows = (await seckillServer(testbed).countGrabs()) - before;
        if (wins !== load.answered || newRows !== wins)
          wrong.push(`WORKERS=${WORKERS[place]}: ${JSON.stringify(load.outcomes)}, MySQL has ${newRows} new rows`);
        speeds.push(wins / load.seconds);
      }
      if (round > 0) measured.push(speeds);
      progress.show({ label: 'one process against two', done: ++done, of });
    }
    const ratio = medianOf(measured.map((speeds) => (speeds.at(-1) ?? 0) / (speeds[0] ?? 1)));
    rows.push({ coupons, perSecond: Object.values(medianOf(measured)), ratio });
  }
  progress.stop();
  return rows;
}

function workersTable(rows: WorkersRow[]): string {
  const table = figureTable(['', ...WORKERS.map((workers) => `WORKERS=${workers}, req/s`), 'ratio']);
  for (const { coupons, perSecond, ratio } of rows)
    table.push([
      `winning grabs, ${coupons} coupon${coupons === 1 ? '' : 's'}`,
      ...perSecond.map(whole),
      ratio.toFixed(2),
    ]);
  return table.toString();
}
