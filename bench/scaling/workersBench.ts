import Table from 'cli-table3';
import { interruptible, stopSignal } from '../../src/cli.ts';
import { openAll } from '../../src/infra/closers.ts';
import { startProgress } from '../../src/infra/progress.ts';
import { medianOf } from '../figures/statistics.ts';
import { MANY, winPlan } from '../grabs/scenarios.ts';
import { ours } from '../testbed/measuredServer.ts';
import { openStage, type Stage } from '../testbed/testbed.ts';

// Winning grabs with one server process and with two, each on a stack of its own, in turns.

const WORKERS = [1, 2];
const COUPONS = [1, 100];
const CUSTOMERS_A_SECOND = 30_000;

export interface WorkersOptions {
  seconds: number;
  rounds: number;
  connections: number;
  json: boolean;
}

interface Row {
  coupons: number;
  /** Winning grabs a second, in the order of WORKERS. */
  perSecond: number[];
  /** Of the last to the first, the median over the rounds. */
  ratio: number;
}

/** False when an answer or a count was wrong. */
export async function benchWorkers({ seconds, rounds, connections, json }: WorkersOptions): Promise<boolean> {
  const stopped = stopSignal();
  const { stages, close } = await openAll(async (remember) => {
    const stages: Stage[] = [];
    for (const workers of WORKERS) {
      const customers = Math.ceil(Math.max(10_000, CUSTOMERS_A_SECOND * seconds));
      const opened = await openStage({ connections, customers, environment: { WORKERS: String(workers) } });
      remember(opened.close);
      stages.push(opened.stage);
    }
    return { stages };
  });
  const wrong: string[] = [];
  try {
    const rows = await interruptible(stopped, inTurns(stages, { seconds, rounds }, wrong));
    console.log(json ? JSON.stringify(rows, undefined, 2) : tableOf(rows));
  } finally {
    await close();
  }
  for (const line of wrong) console.error(`WRONG: ${line}`);
  return wrong.length === 0;
}

async function inTurns(stages: Stage[], { seconds, rounds }: { seconds: number; rounds: number }, wrong: string[]) {
  const progress = startProgress();
  const of = COUPONS.length * (rounds + 1);
  let done = 0;
  const rows: Row[] = [];
  for (const coupons of COUPONS) {
    const measured: number[][] = [];
    // The first round warms up.
    for (let round = 0; round <= rounds; round++) {
      const speeds: number[] = [];
      for (const [place, stage] of stages.entries()) {
        const paths = await stage.createCoupons(`by-${coupons}-${round}`, coupons, MANY);
        const before = await ours(stage).countGrabs();
        const load = await stage.load({ plan: winPlan(stage, paths), seconds });
        await stage.settled();
        const wins = load.outcomes['201 grabbed'] ?? 0;
        const rowsNow = (await ours(stage).countGrabs()) - before;
        if (wins !== load.answered || rowsNow !== wins)
          wrong.push(`WORKERS=${WORKERS[place]}: ${JSON.stringify(load.outcomes)}, MySQL has ${rowsNow} new rows`);
        speeds.push(wins / load.seconds);
      }
      if (round > 0) measured.push(speeds);
      progress.show({ label: 'one against two', done: ++done, of });
    }
    const ratio = medianOf(measured.map((speeds) => (speeds.at(-1) ?? 0) / (speeds[0] ?? 1)));
    rows.push({ coupons, perSecond: Object.values(medianOf(measured)), ratio });
  }
  progress.stop();
  return rows;
}

function tableOf(rows: Row[]): string {
  const table = new Table({
    head: ['', ...WORKERS.map((workers) => `WORKERS=${workers}, req/s`), 'ratio'],
    style: { head: [], border: [], compact: true },
    colAligns: ['left', ...WORKERS.map(() => 'right' as const), 'right'],
  });
  for (const { coupons, perSecond, ratio } of rows)
    table.push([
      `winning grabs, ${coupons} coupon${coupons === 1 ? '' : 's'}`,
      ...perSecond.map((speed) => Math.round(speed).toLocaleString('en')),
      ratio.toFixed(2),
    ]);
  return table.toString();
}
