import { cpus } from 'node:os';
import Table from 'cli-table3';

/** A plain table: text in the first columns, figures in the others. */
export const figureTable = (head: string[], textColumns = 1) =>
  new Table({
    head,
    style: { head: [], border: [], compact: true },
    colAligns: head.map((_, column) => (column < textColumns ? 'left' : 'right')),
  });

/** A table without rules, so that a row with many figures fits on one line of a terminal. */
export const lineTable = (head: string[]) => {
  const rules = ['top', 'top-mid', 'top-left', 'top-right', 'bottom', 'bottom-mid', 'bottom-left', 'bottom-right'];
  const more = ['left', 'left-mid', 'mid', 'mid-mid', 'right', 'right-mid'];
  return new Table({
    head,
    chars: { ...Object.fromEntries([...rules, ...more].map((place) => [place, ''])), middle: '  ' },
    style: { head: [], border: [], compact: true, 'padding-left': 0, 'padding-right': 0 },
    colAligns: head.map((_, column) => (column === 0 ? 'left' : 'right')),
  });
};

export const machine = () => `${cpus().length} x ${cpus()[0]?.model ?? 'unknown'}`;

export const whole = (value: number) => Math.round(value).toLocaleString('en');

/** A figure with its goal, and a mark if the goal is not met. */
export function withGoal(figure: string, goal: number | undefined, sign: '>=' | '<=', value: number): string {
  if (goal === undefined) return figure;
  const met = sign === '>=' ? value >= goal : value <= goal;
  return `${figure} (${sign} ${goal}${met ? '' : ', NOT MET'})`;
}
