import { writeFileSync } from 'node:fs';
import { interruptible, stopSignal } from '../../src/cli.ts';
import { startProgress } from '../../src/infra/progress.ts';
import { cannot } from '../../src/projections/logFile/fileArgument.ts';
import { machine } from '../figures/figureTable.ts';
import { openTestbed } from '../testbed/testbed.ts';
import { grabChart } from './grabChart.ts';
import { type GrabReport, grabTable } from './grabReport.ts';
import { measureScenario, type ScenarioResult } from './measureScenario.ts';
import { type Scenario, scenarios } from './scenarios.ts';

export interface GrabBenchOptions {
  /** Names of scenarios, separated by commas; undefined for all of them. */
  only: string | undefined;
  json: boolean;
  /** Length of one measurement. A scenario takes 2 * (1 + rounds) measurements. */
  seconds: number;
  rounds: number;
  connections: number;
  /** A folder for a CPU profile of the server. */
  profile: string | undefined;
  /** A file for the chart. */
  chart: string | undefined;
}

/** Enough customers for all wins of one measurement: a crowd without further customers would end its round early. */
export const customersFor = (seconds: number) => Math.ceil(Math.max(10_000, 30_000 * seconds));

export const scenariosNamed = (only: string | undefined): Scenario[] =>
  scenarios.filter(({ name }) => only === undefined || only.split(',').includes(name));

/** Measures the scenarios and prints the report. Resolves to false when an answer or a count was wrong. */
export async function benchGrabs(options: GrabBenchOptions): Promise<boolean> {
  const stopped = stopSignal();
  const { only, json, seconds, rounds, connections, profile, chart } = options;
  const chosen = scenariosNamed(only);
  const nodeArgs = profile === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profile}`];
  const { testbed, close } = await openTestbed({ connections, customers: customersFor(seconds), nodeArgs });
  const results: ScenarioResult[] = [];
  const progress = startProgress();
  const measureAll = async () => {
    let done = 0;
    for (const scenario of chosen) {
      const show = () =>
        progress.show({ label: 'measuring', done, of: chosen.length * (rounds + 1), note: scenario.title });
      show();
      results.push(
        await measureScenario(testbed, scenario, { seconds, rounds }, () => {
          done++;
          show();
        }),
      );
    }
  };
  try {
    await interruptible(stopped, measureAll());
  } finally {
    progress.stop();
    await close();
  }
  const command = `npm run bench -- --seconds ${seconds} --rounds ${rounds} --connections ${connections}`;
  const report: GrabReport = { machine: machine(), node: process.version, command, seconds, connections, results };
  console.log(
    json ? JSON.stringify(report, undefined, 2) : `${grabTable(report)}\n${report.machine}, Node ${report.node}`,
  );
  if (chart !== undefined) {
    try {
      writeFileSync(chart, grabChart(report));
    } catch (error) {
      throw cannot('be written', chart, error);
    }
  }
  const wrong = results.flatMap((result) => result.wrong);
  for (const line of wrong) console.error(`WRONG: ${line}`);
  return wrong.length === 0;
}
