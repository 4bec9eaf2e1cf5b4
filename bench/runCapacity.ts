import { writeFileSync } from 'node:fs';
import { createProgram, interruptible, runProgram, stopSignal } from '../src/cli.ts';
import { cannot, mustBeReplaceable } from '../src/projections/logFile/fileArgument.ts';
import { readCosts } from './capacity/costs.ts';
import { sizeText } from './capacity/sizeText.ts';
import { sizeOf } from './capacity/sizing.ts';
import { scalingTables, writeTables } from './capacity/tables.ts';
import { simulate, simulatedCosts } from './simulation/simulate.ts';

const program = createProgram('npm run capacity --', 'Says what a sale needs, from costs that were measured.');
program.enablePositionalOptions();

type Given = Record<string, string> & { json?: true; write?: true };

const numberOption = (given: Given, name: string, isGood: (number: number) => boolean, expected: string): number => {
  const value = given[name] ?? '';
  const number = Number(value);
  if (!/^\d+(\.\d+)?$/.test(value) || !isGood(number)) program.error(`--${name}: expected ${expected}, got "${value}"`);
  return number;
};
/** More than this a second, or customers, is a slip of the keyboard. */
const MOST = 1e12;
const count = (given: Given, name: string, least = 0, most = MOST) =>
  numberOption(
    given,
    name,
    (number) => Number.isInteger(number) && number >= least && number <= most,
    `a whole number from ${least} to ${most}`,
  );
const percent = (given: Given, name: string) =>
  numberOption(given, name, (number) => number > 0 && number <= 100, 'a percentage above 0, at most 100') / 100;

/** A file of costs that cannot be used is wrong usage, as any other wrong option. */
const costsOf = ({ costs }: Given) => {
  try {
    return readCosts(costs);
  } catch (error) {
    return program.error(`--costs: ${(error as Error).message}`);
  }
};
const costsOption = ['--costs <file>', 'measured costs; without it, those of bench/capacity/costs.json'] as const;

program
  .argument('[name]')
  .option('--grabs <number>', 'winning grabs a second')
  .option('--looks <number>', 'pages of coupons a second', '0')
  .option('--late <number>', 'grabs a second that come too late', '0')
  .option('--customers <number>', 'customers with a piece in the end')
  .option('--hottest <percent>', 'the share of the winning grabs that want one and the same coupon', '100')
  .option('--cores <number>', 'cores of an app machine', '8')
  .option('--busy <percent>', 'how busy a core may be', '60')
  .option(...costsOption)
  .option('--json', 'print JSON')
  .action((unknown: string | undefined, given: Given) =>
    runProgram(async () => {
      if (unknown !== undefined) program.error(`there is no "${unknown}": measure, simulate and tables are commands`);
      for (const name of ['grabs', 'customers']) if (given[name] === undefined) program.error(`--${name} is missing`);
      const demand = {
        grabs: count(given, 'grabs'),
        looks: count(given, 'looks'),
        late: count(given, 'late'),
        customers: count(given, 'customers'),
        hottest: percent(given, 'hottest'),
      };
      const machines = { cores: count(given, 'cores', 1, 1_024), busy: percent(given, 'busy') };
      const costs = costsOf(given);
      const size = sizeOf(costs, demand, machines);
      console.log(
        given.json ? JSON.stringify({ demand, machines, size }, undefined, 2) : sizeText(size, demand, machines, costs),
      );
    }),
  );

program
  .command('measure')
  .description('measures the costs on this machine')
  .requiredOption('--out <file>', 'the file to write')
  .option('--seconds <number>', 'length of one measurement', '1.5')
  .option('--rounds <number>', 'measurements of each row', '3')
  .action((given: Given) =>
    runProgram(async () => {
      const seconds = numberOption(
        given,
        'seconds',
        (number) => number > 0 && number <= 600,
        'seconds above 0, at most 600',
      );
      const rounds = count(given, 'rounds', 1, 1_000);
      // Checked before the measurements, which take minutes.
      await mustBeReplaceable(given.out ?? '');
      // Only this command needs the stores and their clients, which take a while to load.
      const { measureCosts } = await import('./capacity/measureCosts.ts');
      const costs = await interruptible(stopSignal(), measureCosts({ seconds, rounds }));
      try {
        writeFileSync(given.out ?? '', `${JSON.stringify(costs, undefined, 2)}\n`);
      } catch (error) {
        throw cannot('be written', given.out ?? '', error);
      }
      process.exit(0);
    }),
  );

program
  .command('tables')
  .description('prints the tables of docs/SCALING.md')
  .option('--write', 'writes them into the document instead')
  .option(...costsOption)
  .action((given: Given) =>
    runProgram(async () => {
      const costs = costsOf(given);
      if (given.write) writeTables(costs);
      else for (const [name, table] of Object.entries(scalingTables(costs))) console.log(`${name}\n\n${table}\n`);
    }),
  );

program
  .command('simulate')
  .description('simulates winning grabs, event by event')
  .option('--processes <number>', 'app processes, a core each', '1')
  .option('--masters <number>', 'Redis masters', '1')
  .option('--coupons <number>', 'coupons that the grabs want', '1')
  .option('--connections <number>', 'connections that send a grab after each answer', '128')
  .option('--grabs <number>', 'grabs a second, whatever the answers; instead of --connections')
  .option('--seconds <number>', 'simulated seconds', '1')
  .option('--seed <number>', 'of the random choices', '1')
  .option(...costsOption)
  .action((given: Given) =>
    runProgram(async () => {
      const arrangement = {
        processes: count(given, 'processes', 1, 10_000),
        shards: count(given, 'masters', 1, 16),
        coupons: count(given, 'coupons', 1, 1_000_000),
        crowd:
          given.grabs === undefined
            ? { connections: count(given, 'connections', 1, 1_000_000) }
            : { perSecond: count(given, 'grabs', 1, 10_000_000) },
      };
      const seconds = numberOption(
        given,
        'seconds',
        (number) => number > 0 && number <= 60,
        'seconds above 0, at most 60',
      );
      const seed = count(given, 'seed', 0, 2 ** 31 - 1);
      const costs = costsOf(given);
      console.log(JSON.stringify(simulate(simulatedCosts(costs), arrangement, { seconds, seed }), undefined, 2));
    }),
  );

await program.parseAsync();
