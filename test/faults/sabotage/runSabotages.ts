import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { figureTable } from '../../../bench/figures/figureTable.ts';
import { startProgress } from '../../../src/infra/progress.ts';
import { OperatorError } from '../../../src/operatorError.ts';
import { allKinds } from '../kinds/faultKinds.ts';
import { runRound } from '../runRound.ts';
import { createRandom, LARGEST_SEED } from '../sale/random.ts';
import type { FaultStack } from '../stack/faultStack.ts';
import { originalProject } from '../stack/topology.ts';
import { copyProject } from './copyProject.ts';
import type { Sabotage } from './sabotage.ts';

/** A sabotage that is not noticed in this many rounds counts as not noticed. */
const ROUNDS_LIMIT = 30;

/** Runs sabotages until the harness notices them, and prints the table; resolves to how many were noticed and how many not. */
export async function runSabotages(
  stack: FaultStack,
  seed: number,
  sabotages: readonly Sabotage[],
): Promise<{ passed: number; failed: number }> {
  const random = createRandom(seed);
  const table = figureTable(['sabotage', 'fault', 'noticed as', 'rounds'], 3);
  const progress = startProgress();
  let noticed = 0;
  const possible = sabotages.filter(({ kinds }) => stack.lastRelease !== undefined || !kinds.some(needsLastRelease));
  for (const [place, sabotage] of possible.entries()) {
    progress.show({ label: 'sabotage', done: place, of: possible.length, note: sabotage.name });
    const result = await runSabotage(stack, sabotage, () => random.int(0, LARGEST_SEED));
    if (result.noticed) noticed++;
    else progress.print(`FAILED ${sabotage.name}: ${result.reason}`);
    table.push([sabotage.name, result.kind, result.reason, result.rounds]);
  }
  progress.stop();
  console.log(table.toString());
  return { passed: noticed, failed: possible.length - noticed };
}

const needsLastRelease = (name: string) => allKinds.find((kind) => kind.name === name)?.needsLastRelease;

interface SabotageResult {
  noticed: boolean;
  kind: string;
  /** The violations that gave the sabotage away, or why it was not noticed. */
  reason: string;
  rounds: number;
}

async function runSabotage(stack: FaultStack, sabotage: Sabotage, nextSeed: () => number): Promise<SabotageResult> {
  const { kinds, noticedAs, patches = [], redis = originalProject.redis, environment = {} } = sabotage;
  const root = mkdtempSync(join(stack.folder, 'sabotage-'));
  const otherViolations = new Set<string>();
  try {
    copyProject(originalProject.root, root, patches);
    for (let round = 0; round < ROUNDS_LIMIT; round++) {
      const name = kinds[round % kinds.length];
      const kind = allKinds.find((kind) => kind.name === name);
      if (kind === undefined) throw new Error(`no such kind of fault: ${name}`);
      // The next round must not fail because of data that an earlier one damaged.
      if (round === 0 || otherViolations.size > 0) await stack.reset({ root, environment, redis });
      const { violations, historyFile } = await runRound(stack, kind, nextSeed());
      rmSync(historyFile);
      const found = [...new Set(violations.map((violation) => violation.name))];
      const expected = found.filter((violation) => noticedAs.includes(violation)).join(', ');
      if (expected !== '') return { noticed: true, kind: kind.name, reason: expected, rounds: round + 1 };
      for (const violation of found) otherViolations.add(violation);
    }
    const reason = `not noticed; violations: ${[...otherViolations]}`;
    return { noticed: false, kind: kinds.join(', '), reason, rounds: ROUNDS_LIMIT };
  } catch (error) {
    if (!(error instanceof OperatorError)) throw error;
    return { noticed: false, kind: '', reason: error.message, rounds: 0 };
  } finally {
    rmSync(root, { recursive: true });
  }
}
