import { cpSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startProgress } from '../../src/infra/progress.ts';
import { describeFailure, roundsTable } from './faultReport.ts';
import type { FaultKind } from './kinds/faultKind.ts';
import { type RoundResult, runRound } from './runRound.ts';
import { createRandom, LARGEST_SEED } from './sale/random.ts';
import type { FaultStack } from './stack/faultStack.ts';
import { originalProject } from './stack/topology.ts';

interface PlannedRound {
  kind: FaultKind;
  seed: number;
}

/**
 * Spreads the rounds over the kinds of faults; rounds of one kind are neighbours. The first round has the given seed, so that
 * one round can be repeated.
 */
export function planRounds(kinds: readonly FaultKind[], count: number, seed: number): PlannedRound[] {
  const random = createRandom(seed);
  const places = Array.from({ length: count }, (_, turn) => turn % kinds.length).sort((a, b) => a - b);
  return places.map((place, turn) => {
    const [kind] = kinds.slice(place);
    if (kind === undefined) throw new Error('no kind of fault');
    return { kind, seed: turn === 0 ? seed : random.int(0, LARGEST_SEED) };
  });
}

/** Runs the rounds and prints the table; resolves to how many passed and failed. */
export async function runRounds(
  stack: FaultStack,
  rounds: readonly PlannedRound[],
): Promise<{ passed: number; failed: number }> {
  const results: RoundResult[] = [];
  const progress = startProgress();
  const show = (note?: string) =>
    progress.show({
      label: 'faults',
      done: results.length,
      of: rounds.length,
      ...(note === undefined ? {} : { note }),
    });
  try {
    await stack.reset(originalProject);
    for (const { kind, seed } of rounds) {
      show(kind.name);
      const result = await runRound(stack, kind, seed);
      results.push(result);
      const kept = result.violations.length === 0 ? undefined : keepEvidence(stack.folder);
      rmSync(result.historyFile);
      if (kept === undefined) continue;
      progress.print(describeFailure(result, kept));
      // The next round must not fail because of data that this one damaged.
      await stack.reset(originalProject);
    }
    show();
  } finally {
    progress.stop();
  }
  console.log(roundsTable(results));
  const passed = results.filter(({ violations }) => violations.length === 0).length;
  return { passed, failed: results.length - passed };
}

/** Copies the history and the logs of a failed round to a folder that is not removed. */
function keepEvidence(folder: string): string {
  const kept = mkdtempSync(join(tmpdir(), 'seckill-fault-'));
  for (const file of readdirSync(folder))
    if (/\.(ndjson|log)$/.test(file)) cpSync(join(folder, file), join(kept, file));
  return kept;
}
