import { figureTable } from '../../bench/figures/figureTable.ts';
import { percentile } from '../../bench/figures/statistics.ts';
import { groupBy } from '../../src/infra/groupBy.ts';
import type { RoundResult } from './runRound.ts';

const SAMPLE_LENGTH = 300;

const sum = (rounds: readonly RoundResult[], figure: (round: RoundResult) => number) =>
  rounds.reduce((total, round) => total + figure(round), 0);

/** `median / max` in seconds; empty if no round has the figure. */
function medianAndMax(values: (number | undefined)[]): string {
  const measured = values.filter((value) => value !== undefined).sort((a, b) => a - b);
  if (measured.length === 0) return '';
  return [0.5, 1].map((share) => (percentile(measured, share) / 1_000).toFixed(2)).join(' / ');
}

/** One line for each kind of fault, and the total. */
export function roundsTable(results: readonly RoundResult[]): string {
  const table = figureTable([
    'fault',
    'rounds',
    '201s',
    'unknown',
    'recovered',
    'violations',
    's from its end to a 201 (median / max)',
    's from its start',
  ]);
  const line = (name: string, rounds: readonly RoundResult[]) => [
    name,
    rounds.length,
    sum(rounds, ({ won }) => won),
    sum(rounds, ({ unknown }) => unknown),
    sum(rounds, ({ recovered }) => recovered),
    sum(rounds, ({ violations }) => violations.length),
    medianAndMax(rounds.map(({ faultEndToWinMs }) => faultEndToWinMs)),
    medianAndMax(rounds.map(({ faultStartToWinMs }) => faultStartToWinMs)),
  ];
  for (const [kind, rounds] of groupBy(results, ({ kind }) => kind)) table.push(line(kind, rounds));
  table.push(line('total', results));
  return table.toString();
}

/** Each violation with its number and one sample, and the command that repeats the round. */
export function describeFailure({ kind, seed, violations }: RoundResult, kept: string): string {
  const lines = [...groupBy(violations, ({ name }) => name)].map(
    ([name, [first, ...more]]) => `  ${name} (${1 + more.length}): ${first?.sample.slice(0, SAMPLE_LENGTH)}`,
  );
  return [
    `FAILED ${kind}`,
    ...lines,
    `  repeat: npm run test:faults -- --only ${kind} --rounds 1 --seed ${seed}`,
    `  history and logs: ${kept}`,
  ].join('\n');
}
