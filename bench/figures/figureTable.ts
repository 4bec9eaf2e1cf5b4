import { cpus } from 'node:os';
import Table from 'cli-table3';

/** A plain table: text in the first columns, figures in the others. */
export const figureTable = (head: string[], textColumns = 1) =>
  new Table({
    head,
    style: { head: [], border: [], compact: true },
    colAligns: head.map((_, column) => (column < textColumns ? 'left' : 'right')),
  });

export const machine = () => `${cpus().length} x ${cpus()[0]?.model ?? 'unknown'}`;

export const whole = (value: number) => Math.round(value).toLocaleString('en');

/** A figure with its goal, and a mark if the goal is not met. */
export function withGoal(figure: string, goal: number | undefined, sign: '>=' | '<=', value: number): string {
  if (goal === undefined) return figure;
  const met = sign === '>=' ? value >= goal : value <= goal;
  return `${figure} (${sign} ${goal}${met ? '' : ', NOT MET'})`;
}
