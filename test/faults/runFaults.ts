import { InvalidArgumentError, Option } from 'commander';
import { createProgram, interruptible, runProgram, stopSignal } from '../../src/cli.ts';
import { bigKinds, kinds } from './kinds/faultKinds.ts';
import { planRounds, runRounds } from './runRounds.ts';
import { runSabotage } from './sabotage/runSabotage.ts';
import { LARGEST_SEED } from './sale/random.ts';
import { openStack } from './stack/faultStack.ts';

// Sales with a fault in the middle of each: what clients were told must hold whatever dies (invariants 2 to 8 of the design).

const wholeNumber = (min: number) => (text: string) => {
  const number = Number(text);
  if (!/^\d+$/.test(text) || number < min || number > LARGEST_SEED)
    throw new InvalidArgumentError(`Expected a whole number from ${min} to ${LARGEST_SEED}.`);
  return number;
};
const all = [...kinds, ...bigKinds];
const kindOf = (name: string) => {
  const kind = all.find((one) => one.name === name);
  if (kind === undefined) throw new InvalidArgumentError('No such kind of fault; see --list.');
  return kind;
};

const program = createProgram('npm run test:faults --', 'Sales with faults; the last line is `N passed, N failed`.')
  .option('--rounds <n>', 'spread over the kinds of faults; one each if absent', wholeNumber(1))
  .option('--seed <n>', 'plans the same rounds again', wholeNumber(0), Date.now() % LARGEST_SEED)
  .option('--only <kind>', 'this kind of fault alone', kindOf)
  .addOption(
    new Option('--sabotage', 'the project made worse on purpose: is it noticed?').conflicts(['rounds', 'only']),
  )
  .option('--list', 'the kinds of faults, and nothing else')
  .parse();

interface Options {
  rounds?: number;
  seed: number;
  only?: (typeof all)[number];
  sabotage?: true;
  list?: true;
}

await runProgram(async () => {
  const { rounds, seed, only, sabotage, list } = program.opts<Options>();
  if (list) {
    console.log(all.map(({ name }) => name).join('\n'));
    process.exit(0);
  }
  // Asked for first: a Ctrl-C while the stack opens waits until it can be closed again.
  const stopped = stopSignal();
  console.log(`seed ${seed}`);
  const { stack, close } = await openStack((line) => console.log(line));
  let result = { passed: 0, failed: 1 };
  try {
    const chosen = only === undefined ? kinds : [only];
    const work = sabotage
      ? runSabotage(stack, seed)
      : runRounds(stack, planRounds(chosen, rounds ?? chosen.length, seed));
    result = await interruptible(stopped, work);
  } finally {
    await close();
  }
  console.log(`${result.passed} passed, ${result.failed} failed`);
  process.exit(result.failed === 0 ? 0 : 1);
});
