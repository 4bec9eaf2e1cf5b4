import { writeFileSync } from 'node:fs';
import { SingleBar } from 'cli-progress';
import { interruptible, stopSignal } from '../src/cli.ts';
import { chartOf } from './chart.ts';
import { measureRow, type Result } from './measure.ts';
import { machine, type Report, tableOf } from './report.ts';
import { type Row, rows } from './rows.ts';
import { openStage } from './stage.ts';

export interface GrabOptions {
  only: string | undefined;
  json: boolean;
  /** Of one measurement; each row takes (1 + rounds) times two of them. */
  seconds: number;
  rounds: number;
  connections: number;
  /** A folder that gets a CPU profile of the server. */
  profile: string | undefined;
  /** A file that gets the picture. */
  chart: string | undefined;
}

/** As many customers as may win in one measurement: a crowd that runs out of them ends its round early. */
const customersFor = (seconds: number) => Math.ceil(Math.max(10_000, 30_000 * seconds));

export const rowsNamed = (only: string | undefined): Row[] =>
  rows.filter(({ name }) => only === undefined || only.split(',').includes(name));

/** Measures the rows and prints them. False when an answer or a count was wrong. */
export async function benchGrabs(options: GrabOptions): Promise<boolean> {
  const stopped = stopSignal();
  const { only, json, seconds, rounds, connections, profile, chart } = options;
  const chosen = rowsNamed(only);
  const nodeArgs = profile === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profile}`];
  const { stage, close } = await openStage({ connections, customers: customersFor(seconds), nodeArgs });
  const results: Result[] = [];
  const bar = new SingleBar({ format: '{bar} {value}/{total} {row}', noTTYOutput: true, notTTYSchedule: 5_000 });
  const measure = async () => {
    bar.start(chosen.length * (rounds + 1), 0, { row: '' });
    for (const row of chosen) {
      bar.update({ row: row.title });
      results.push(await measureRow(stage, row, { seconds, rounds }, () => bar.increment()));
    }
  };
  try {
    await interruptible(stopped, measure());
  } finally {
    bar.stop();
    await close();
  }
  const command = `npm run bench -- --seconds ${seconds} --rounds ${rounds} --connections ${connections}`;
  const report: Report = { machine: machine(), node: process.version, command, seconds, connections, results };
  console.log(
    json ? JSON.stringify(report, undefined, 2) : `${tableOf(report)}\n${report.machine}, Node ${report.node}`,
  );
  if (chart !== undefined) writeFileSync(chart, chartOf(report));
  const wrong = results.flatMap((result) => result.wrong);
  for (const what of wrong) console.error(`WRONG: ${what}`);
  return wrong.length === 0;
}
