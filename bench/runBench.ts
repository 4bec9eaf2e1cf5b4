import { createProgram, runProgram } from '../src/cli.ts';
import { benchGrabs, rowsNamed } from './grabs/grabBench.ts';
import { rows } from './grabs/scenarios.ts';
import { benchProjection } from './projections/projectionBench.ts';
import { benchReplay } from './projections/replayBench.ts';
import { benchGrowth } from './scaling/growthBench.ts';
import { benchOverload } from './scaling/overloadBench.ts';
import { benchWorkers } from './scaling/workersBench.ts';

const program = createProgram('npm run bench --', 'Measures on a private stack of its own and prints tables.');

const numberOption = (name: string, value: string, isGood: (number: number) => boolean, expected: string): number => {
  const number = Number(value);
  if (!/^\d+(\.\d+)?$/.test(value) || !isGood(number)) program.error(`--${name}: expected ${expected}, got "${value}"`);
  return number;
};
const wholeFromOne = (number: number) => Number.isInteger(number) && number >= 1;

program
  .command('replay')
  .description('replay and rehydrate, beside the ceilings of the same run')
  .option('--events <number>', 'grabs in the log', '1000000')
  .option('--coupons <number>', 'coupons they are spread over', '1000')
  .action(({ events, coupons }: { events: string; coupons: string }) =>
    runProgram(async () => {
      const [grabs, over] = [Number(events), Number(coupons)];
      numberOption('events', events, wholeFromOne, 'a whole number from 1');
      numberOption('coupons', coupons, wholeFromOne, 'a whole number from 1');
      await benchReplay({ grabs, coupons: over });
    }),
  );

program
  .option(
    '--only <names>',
    `only these rows, apart by commas: ${rows.map(({ name }) => name).join(', ')}; or one of growth, overload, projection, workers`,
  )
  .option('--seconds <number>', 'length of one measurement', '5')
  .option('--rounds <number>', 'measurements of each row, ours and bare in turns', '3')
  .option('--connections <number>', 'that the crowd comes on', '128')
  .option('--grabs <number>', 'of growth: grabs of one coupon (1000000); of projection: grabs decided before (200000)')
  .option('--chart <file>', 'write the shares of bare there, as an SVG picture')
  .option('--profile <folder>', 'write a CPU profile of the server there')
  .option('--json', 'print JSON', false)
  .action((given: Record<string, string> & { json: boolean }) =>
    runProgram(async () => {
      const seconds = numberOption('seconds', given.seconds ?? '', (number) => number > 0, 'a number above 0');
      const rounds = numberOption('rounds', given.rounds ?? '', wholeFromOne, 'a whole number from 1');
      const connections = numberOption('connections', given.connections ?? '', wholeFromOne, 'a whole number from 1');
      const grabs = given.grabs && numberOption('grabs', given.grabs, wholeFromOne, 'a whole number from 1');
      const { only, json, profile, chart } = given;
      if (only === 'growth')
        process.exit((await benchGrowth({ grabs: grabs || 1_000_000, connections, json })) ? 0 : 1);
      if (only === 'overload') process.exit((await benchOverload({ seconds, connections, json })) ? 0 : 1);
      if (only === 'workers') process.exit((await benchWorkers({ seconds, rounds, connections, json })) ? 0 : 1);
      if (only === 'projection')
        process.exit((await benchProjection({ grabs: grabs || 200_000, json, profile })) ? 0 : 1);
      if (rowsNamed(only).length === 0) program.error(`--only: no row has such a name, got "${only}"`);
      const good = await benchGrabs({ only, json, seconds, rounds, connections, profile, chart });
      process.exit(good ? 0 : 1);
    }),
  );

await program.parseAsync();
