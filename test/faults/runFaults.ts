import { InvalidArgumentError, Option } from 'commander';
import { createProgram, interruptible, runProgram, stopSignal } from '../../src/cli.ts';
import { todaysThird } from '../support/todaysThird.ts';
import type { FaultKind } from './kinds/faultKind.ts';
import { allKinds, clusterKinds, faultKinds } from './kinds/faultKinds.ts';
import { planRounds, runRounds } from './runRounds.ts';
import { runSabotages } from './sabotage/runSabotages.ts';
import { sabotages } from './sabotage/sabotages.ts';
import { LARGEST_SEED } from './sale/random.ts';
import { type FaultStack, openFaultStack } from './stack/faultStack.ts';
import { checkOutLastRelease } from './stack/lastRelease.ts';

// Runs sales with a fault in the middle of each, and checks the answers that clients got against the stores (invariants 1 to 8).

const wholeNumber = (min: number) => (text: string) => {
  const number = Number(text);
  if (!/^\d+$/.test(text) || number < min || number > LARGEST_SEED)
    throw new InvalidArgumentError(`Expected a whole number from ${min} to ${LARGEST_SEED}.`);
  return number;
};
const kindNamed = (name: string) => {
  const kind = allKinds.find((kind) => kind.name === name);
  if (kind === undefined) throw new InvalidArgumentError('No such kind of fault; see --list.');
  return kind;
};

const program = createProgram('npm run test:faults --', 'Sales with faults; the last line is `N passed, N failed`.')
  .option('--rounds <n>', 'spread over the kinds of faults; without it, one round of each kind', wholeNumber(1))
  .option('--seed <n>', 'the same seed plans the same rounds', wholeNumber(0), Date.now() % LARGEST_SEED)
  .option('--only <kind>', 'run only this kind of fault', kindNamed)
  .addOption(new Option('--cluster', 'run the kinds of a Redis Cluster and of Galera').conflicts('only'))
  .addOption(
    new Option('--sabotage', 'break the project on purpose, to see that the harness notices').conflicts([
      'rounds',
      'only',
      'cluster',
    ]),
  )
  .addOption(new Option('--third', 'a third of the kinds, or of the sabotages, another one each day').conflicts('only'))
  .option('--list', 'print the kinds of faults and exit')
  .parse();

/** Leaves out the kinds that need the last release where it cannot be had. */
async function possibleKinds(stack: FaultStack, wanted: readonly FaultKind[]) {
  if (!wanted.some(({ needsLastRelease }) => needsLastRelease)) return { kinds: wanted, skipped: [] };
  const release = await checkOutLastRelease();
  if ('root' in release) {
    stack.lastRelease = release.root;
    return { kinds: wanted, skipped: [] };
  }
  const skipped = wanted.filter(({ needsLastRelease }) => needsLastRelease);
  return {
    kinds: wanted.filter((kind) => !skipped.includes(kind)),
    skipped: skipped.map(({ name }) => `SKIPPED ${name}: ${release.missing}`),
  };
}

interface Options {
  rounds?: number;
  seed: number;
  only?: FaultKind;
  cluster?: true;
  sabotage?: true;
  third?: true;
  list?: true;
}

await runProgram(async () => {
  const { rounds, seed, only, cluster, sabotage, third, list } = program.opts<Options>();
  const inTurn = <T>(all: readonly T[]) => (third ? todaysThird(all) : all);
  if (list) {
    console.log(allKinds.map(({ name }) => name).join('\n'));
    process.exit(0);
  }
  // Before the stack opens: a signal that arrives meanwhile takes effect when the stack can be closed again.
  const stopped = stopSignal();
  console.log(`seed ${seed}`);
  const { stack, close } = await openFaultStack((line) => console.log(line));
  let result = { passed: 0, failed: 1 };
  try {
    const { kinds, skipped } = await possibleKinds(
      stack,
      only !== undefined ? [only] : inTurn(cluster ? clusterKinds : faultKinds),
    );
    // The exit status of a check that could not run here, as for .ci/run.
    if (kinds.length === 0) process.exitCode = 75;
    const work = sabotage
      ? runSabotages(stack, seed, inTurn(sabotages))
      : runRounds(stack, planRounds(kinds, kinds.length === 0 ? 0 : (rounds ?? kinds.length), seed));
    result = await interruptible(stopped, work);
    for (const line of skipped) console.log(line);
  } finally {
    await close();
  }
  console.log(`${result.passed} passed, ${result.failed} failed`);
  process.exit(result.failed === 0 ? process.exitCode : 1);
});
