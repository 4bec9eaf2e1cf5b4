import { createProgram, runProgram } from '../src/cli.ts';
import { benchReplay } from './replay.ts';

const program = createProgram('npm run bench --', 'Measures on a private stack of its own and prints tables.');

program
  .command('replay')
  .description('replay and rehydrate, beside the ceilings of the same run')
  .option('--events <number>', 'grabs in the log', '1000000')
  .option('--coupons <number>', 'coupons they are spread over', '1000')
  .action(({ events, coupons }: { events: string; coupons: string }) =>
    runProgram(async () => {
      for (const [name, value] of Object.entries({ events, coupons })) {
        if (!/^[1-9]\d{0,8}$/.test(value)) program.error(`--${name}: expected a whole number from 1, got "${value}"`);
      }
      await benchReplay({ grabs: Number(events), coupons: Number(coupons) });
    }),
  );

await program.parseAsync();
