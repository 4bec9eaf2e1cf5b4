import { cpSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startProgress } from '../../src/infra/progress.ts';
import { describeFailure, roundsTable } from './faultReport.ts';
import type { Kind } from './kinds/faultKind.ts';
import { type RoundResult, runRound } from './runRound.ts';
import { createRandom, LARGEST_SEED } from './sale/random.ts';
import { type Stack, theProject } from './stack/faultStack.ts';

interface Planned {
  kind: Kind;
  seed: number;
}

/** Spreads the rounds over the kinds, and runs those of a kind together. The first one's seed is the given one: so one round can be had again. */
export function planRounds(kinds: readonly Kind[], count: number, seed: number): Planned[] {
  const random = createRandom(seed);
  const turns = Array.from({ length: count }, (_, turn) => turn % kinds.length).sort((a, b) => a - b);
  return turns.map((place, turn) => {
    const [kind] = kinds.slice(place);
    if (kind === undefined) throw new Error('no kind of fault');
    return { kind, seed: turn === 0 ? seed : random.int(0, LARGEST_SEED) };
  });
}

/** Runs them all and prints the table; resolves to how many passed and failed. */
export async function runRounds(
  stack: Stack,
  planned: readonly Planned[],
): Promise<{ passed: number; failed: number }> {
  const results: RoundResult[] = [];
  const progress = startProgress();
  const show = (note?: string) =>
    progress.show({
      label: 'faults',
      done: results.length,
      of: planned.length,
      ...(note === undefined ? {} : { note }),
    });
  try {
    await stack.begin(theProject);
    for (const { kind, seed } of planned) {
      show(kind.name);
      const result = await runRound(stack, kind, seed);
      results.push(result);
      const kept = result.violations.length === 0 ? undefined : keep(stack.folder);
      rmSync(result.history);
      if (kept === undefined) continue;
      progress.print(describeFailure(result, kept));
      // Nothing of a failed round is held against the next one.
      await stack.begin(theProject);
    }
    show();
  } finally {
    progress.stop();
  }
  console.log(roundsTable(results));
  const passed = results.filter(({ violations }) => violations.length === 0).length;
  return { passed, failed: results.length - passed };
}

/** Copies what tells how a round went to where it stays. */
function keep(folder: string): string {
  const kept = mkdtempSync(join(tmpdir(), 'seckill-fault-'));
  for (const file of readdirSync(folder))
    if (/\.(ndjson|log)$/.test(file)) cpSync(join(folder, file), join(kept, file));
  return kept;
}
