import { writeFileSync } from 'node:fs';
import { interruptible, stopSignal } from '../../src/cli.ts';
import { startProgress } from '../../src/infra/progress.ts';
import { openStage } from '../testbed/testbed.ts';
import { chartOf } from './grabChart.ts';
import { machine, type Report, tableOf } from './grabReport.ts';
import { measureRow, type Result } from './measureScenario.ts';
import { type Row, rows } from './scenarios.ts';

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
  const progress = startProgress();
  const measure = async () => {
    let done = 0;
    for (const row of chosen) {
      const show = () => progress.show({ label: 'measuring', done, of: chosen.length * (rounds + 1), note: row.title });
      show();
      results.push(
        await measureRow(stage, row, { seconds, rounds }, () => {
          done++;
          show();
        }),
      );
    }
  };
  try {
    await interruptible(stopped, measure());
  } finally {
    progress.stop();
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
