import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Table from 'cli-table3';
import { startProgress } from '../../../src/infra/progress.ts';
import { OperatorError } from '../../../src/operatorError.ts';
import { kinds } from '../kinds/faultKinds.ts';
import { runRound } from '../runRound.ts';
import { createRandom, LARGEST_SEED } from '../sale/random.ts';
import { type Stack, theProject } from '../stack/faultStack.ts';
import { type Patch, type Variant, variants } from './sabotages.ts';

/** A variant that is not caught by then is not caught. */
const ROUNDS_LIMIT = 12;
const PARTS = ['src', 'bin', 'migrations', 'web', 'package.json', 'package-lock.json'];

/** Runs every variant until it is caught, and prints the table; resolves to how many were caught and how many not. */
export async function runSabotage(stack: Stack, seed: number): Promise<{ passed: number; failed: number }> {
  const random = createRandom(seed);
  const table = new Table({
    head: ['sabotage', 'fault', 'caught by', 'rounds'],
    style: { head: [], border: [], compact: true },
  });
  const progress = startProgress();
  let caught = 0;
  for (const [place, variant] of variants.entries()) {
    progress.show({ label: 'sabotage', done: place, of: variants.length, note: variant.name });
    const result = await catchVariant(stack, variant, () => random.int(0, LARGEST_SEED));
    if (result.caught) caught++;
    else progress.print(`FAILED ${variant.name}: ${result.by}`);
    table.push([variant.name, result.kind, result.by, result.rounds]);
  }
  progress.stop();
  console.log(table.toString());
  return { passed: caught, failed: variants.length - caught };
}

interface Caught {
  caught: boolean;
  kind: string;
  by: string;
  rounds: number;
}

async function catchVariant(stack: Stack, variant: Variant, nextSeed: () => number): Promise<Caught> {
  const { kinds: names, caughtBy, patches = [], redis = theProject.redis, environment = {} } = variant;
  const root = mkdtempSync(join(stack.folder, 'sabotage-'));
  const others = new Set<string>();
  try {
    copyProject(root, patches);
    for (let round = 0; round < ROUNDS_LIMIT; round++) {
      const name = names[round % names.length];
      const kind = kinds.find((one) => one.name === name);
      if (kind === undefined) throw new Error(`no such kind of fault: ${name}`);
      // What one round has broken is not held against the next one.
      if (round === 0 || others.size > 0) await stack.begin({ root, environment, redis });
      const { violations, history } = await runRound(stack, kind, nextSeed());
      rmSync(history);
      const broken = [...new Set(violations.map((violation) => violation.name))];
      const by = broken.filter((violation) => caughtBy.includes(violation)).join(', ');
      if (by !== '') return { caught: true, kind: kind.name, by, rounds: round + 1 };
      for (const violation of broken) others.add(violation);
    }
    return { caught: false, kind: names.join(', '), by: `not caught; found: ${[...others]}`, rounds: ROUNDS_LIMIT };
  } catch (error) {
    if (!(error instanceof OperatorError)) throw error;
    return { caught: false, kind: '', by: error.message, rounds: 0 };
  } finally {
    rmSync(root, { recursive: true });
  }
}

function copyProject(to: string, patches: readonly Patch[]): void {
  const from = theProject.root;
  for (const part of PARTS) cpSync(join(from, part), join(to, part), { recursive: true });
  symlinkSync(join(from, 'node_modules'), join(to, 'node_modules'));
  for (const { file, find, replace } of patches) {
    const path = join(to, file);
    const text = existsSync(path) ? readFileSync(path, 'utf8') : '';
    let times = 0;
    const patched = text.replaceAll(find, (...found) => {
      times++;
      return replace.replace('$1', String(found[1]));
    });
    if (times !== 1) throw new OperatorError(`${file} has ${find} ${times} times, not once`);
    writeFileSync(path, patched);
  }
}
