import Table from 'cli-table3';
import { groupBy } from '../../src/infra/groupBy.ts';
import type { RoundResult } from './runRound.ts';

const tableOf = (head: string[]) =>
  new Table({
    head,
    style: { head: [], border: [], compact: true },
    colAligns: head.map((_, column) => (column === 0 ? 'left' : 'right')),
  });

const sum = (rounds: readonly RoundResult[], of: (round: RoundResult) => number) =>
  rounds.reduce((total, round) => total + of(round), 0);

/** `median / max` in seconds; nothing where nothing was measured. */
function seconds(values: (number | undefined)[]): string {
  const measured = values.filter((value) => value !== undefined).sort((a, b) => a - b);
  const [median, max] = [measured[Math.floor((measured.length - 1) / 2)], measured.at(-1)];
  return median === undefined || max === undefined
    ? ''
    : `${(median / 1_000).toFixed(2)} / ${(max / 1_000).toFixed(2)}`;
}

/** One line a kind of fault, and the total. */
export function roundsTable(results: readonly RoundResult[]): string {
  const table = tableOf([
    'fault',
    'rounds',
    '201s',
    'unknown',
    'recovered',
    'violations',
    's from its end to a 201 (median / max)',
    's from its strike',
  ]);
  const line = (name: string, rounds: readonly RoundResult[]) => [
    name,
    rounds.length,
    sum(rounds, ({ won }) => won),
    sum(rounds, ({ unknown }) => unknown),
    sum(rounds, ({ recovered }) => recovered),
    sum(rounds, ({ violations }) => violations.length),
    seconds(rounds.map(({ endToWinMs }) => endToWinMs)),
    seconds(rounds.map(({ strikeToWinMs }) => strikeToWinMs)),
  ];
  for (const [kind, rounds] of groupBy(results, ({ kind }) => kind)) table.push(line(kind, rounds));
  table.push(line('total', results));
  return table.toString();
}

const SAMPLE_LENGTH = 300;

/** What was broken, how often, one sample each, and how to see it again. */
export function describeFailure({ kind, seed, violations }: RoundResult, kept: string): string {
  const lines = [...groupBy(violations, ({ name }) => name)].map(
    ([name, [first, ...more]]) => `  ${name} (${1 + more.length}): ${first?.sample.slice(0, SAMPLE_LENGTH)}`,
  );
  return [
    `FAILED ${kind}`,
    ...lines,
    `  again: npm run test:faults -- --only ${kind} --rounds 1 --seed ${seed}`,
    `  history and logs: ${kept}`,
  ].join('\n');
}
