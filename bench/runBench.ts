import { mkdirSync } from 'node:fs';
import { createProgram, runProgram } from '../src/cli.ts';
import { cannot, mustBeReplaceable } from '../src/projections/logFile/fileArgument.ts';
import { benchAgainst } from './against/againstBench.ts';
import { commitOf } from './against/checkout.ts';
import { benchGrabs, customersFor, scenariosNamed } from './grabs/grabBench.ts';
import { scenarios } from './grabs/scenarios.ts';
import { benchProjection } from './projections/projectionBench.ts';
import { benchReplay } from './projections/replayBench.ts';
import { benchAttack } from './scaling/attackBench.ts';
import { benchGrowth } from './scaling/growthBench.ts';
import { benchOverload } from './scaling/overloadBench.ts';
import { benchWorkers } from './scaling/workersBench.ts';

const program = createProgram('npm run bench --', 'Measures a fresh private stack and prints tables.');

const numberOption = (name: string, value: string, isGood: (number: number) => boolean, expected: string): number => {
  const number = Number(value);
  if (!/^\d+(\.\d+)?$/.test(value) || !isGood(number)) program.error(`--${name}: expected ${expected}, got "${value}"`);
  return number;
};
const wholeFromOne = (name: string, value: string) =>
  numberOption(name, value, (number) => Number.isInteger(number) && number >= 1, 'a whole number from 1');

program
  .command('replay')
  .description('measures replay, rehydrate and verify, and their ceilings in the same run')
  .option('--events <number>', 'grabs in the log', '1000000')
  .option('--coupons <number>', 'coupons with these grabs', '1000')
  .action(({ events, coupons }: { events: string; coupons: string }) =>
    runProgram(() => benchReplay({ grabs: wholeFromOne('events', events), coupons: wholeFromOne('coupons', coupons) })),
  );

const scenarioNames = scenarios.map(({ name }) => name).join(', ');
const others = 'grab-flood, growth, log-in-attack, overload, projection, workers';

program
  .argument('[name]')
  .option('--only <names>', `run only these scenarios, separated by commas: ${scenarioNames}; or one of ${others}`)
  .option('--seconds <number>', 'length of one measurement', '5')
  .option('--rounds <number>', 'measurements of each scenario, in turns with the bare server', '3')
  .option('--connections <number>', 'connections of the crowd', '128')
  .option(
    '--grabs <number>',
    'for growth: grabs of one coupon (1000000); for projection: grabs in the outbox at the start (200000)',
  )
  .option('--chart <file>', 'write an SVG chart of the shares of the bare server to this file')
  .option('--profile <folder>', 'write a CPU profile of the server to this folder')
  .option('--against <revision>', 'compare this tree with a revision of git, in turns; without the baselines')
  .option('--json', 'print JSON', false)
  .action((unknown: string | undefined, given: Record<string, string> & { json: boolean }) =>
    runProgram(async () => {
      if (unknown !== undefined)
        program.error(
          `there is no bench "${unknown}": replay is one, and \`--only NAME\` chooses one of ${scenarioNames}, ${others}`,
        );
      const seconds = numberOption('seconds', given.seconds ?? '', (number) => number > 0, 'a number above 0');
      const rounds = wholeFromOne('rounds', given.rounds ?? '');
      const connections = wholeFromOne('connections', given.connections ?? '');
      const grabs = given.grabs && wholeFromOne('grabs', given.grabs);
      const { only, json, profile, chart, against } = given;
      // Checked before the measurements, which take minutes.
      if (chart !== undefined) await mustBeReplaceable(chart);
      if (profile !== undefined) mustBeFolder(profile);
      if (only === 'growth')
        process.exit((await benchGrowth({ grabs: grabs || 1_000_000, connections, json })) ? 0 : 1);
      if (only === 'log-in-attack' || only === 'grab-flood')
        process.exit((await benchAttack(only, { seconds, rounds, json })) ? 0 : 1);
      if (only === 'overload') process.exit((await benchOverload({ seconds, connections, json })) ? 0 : 1);
      if (only === 'workers') process.exit((await benchWorkers({ seconds, rounds, connections, json })) ? 0 : 1);
      if (only === 'projection')
        process.exit((await benchProjection({ grabs: grabs || 200_000, json, profile })) ? 0 : 1);
      if (scenariosNamed(only).length === 0)
        program.error(`--only: there is no scenario "${only}"; the names are ${scenarioNames}, ${others}`);
      if (against !== undefined) {
        const commit = await commitOf(against);
        if (commit === undefined) return program.error(`--against: git knows no revision "${against}"`);
        const compared = scenariosNamed(only).filter(({ startServer }) => startServer === undefined);
        const customers = customersFor(seconds);
        const options = { commit, scenarios: compared, json, seconds, rounds, connections, customers };
        process.exit((await benchAgainst(options)) ? 0 : 1);
      }
      const good = await benchGrabs({ only, json, seconds, rounds, connections, profile, chart });
      process.exit(good ? 0 : 1);
    }),
  );

function mustBeFolder(folder: string): void {
  try {
    mkdirSync(folder, { recursive: true });
  } catch (error) {
    throw cannot('be used', folder, error);
  }
}

await program.parseAsync();
