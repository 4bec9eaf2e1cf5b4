import { lineTable, whole } from '../figures/figureTable.ts';

/** One round of one side. */
export interface SideFigures {
  perSecond: number;
  p99: number;
  /** CPU time of a request, in microseconds; undefined without /proc. */
  nodeUs: number | undefined;
  redisUs: number | undefined;
  mysqlUs: number | undefined;
}

export interface PairRow {
  name: string;
  /** The medians of this tree. */
  now: SideFigures;
  /** This tree compared with the revision: the median of the ratios of the rounds. */
  ratio: SideFigures;
}

export interface PairReport {
  against: string;
  rows: PairRow[];
  /** Rows that the revision does not know, with its answer. */
  leftOut: { name: string; why: string }[];
}

const figures = ['perSecond', 'nodeUs', 'redisUs', 'mysqlUs', 'p99'] as const;

export const ratioOf = (now: SideFigures, before: SideFigures): SideFigures => {
  const ratio = (of: number | undefined, to: number | undefined) => (of === undefined || !to ? undefined : of / to);
  return {
    perSecond: now.perSecond / before.perSecond,
    p99: now.p99 / before.p99,
    nodeUs: ratio(now.nodeUs, before.nodeUs),
    redisUs: ratio(now.redisUs, before.redisUs),
    mysqlUs: ratio(now.mysqlUs, before.mysqlUs),
  };
};

/** One line for each row: the figures of this tree, and how many times those of the revision they are. */
export function pairTable({ against, rows, leftOut }: PairReport): string {
  const heads = ['req/s', 'Node us', 'Redis us', 'MySQL us', 'p99 ms'];
  const table = lineTable(['', ...heads.flatMap((head) => [head, 'ratio'])]);
  for (const { name, now, ratio } of rows)
    table.push([
      name,
      ...figures.flatMap((figure) => [
        figure === 'perSecond' ? whole(now.perSecond) : (now[figure]?.toFixed(1) ?? '-'),
        ratio[figure] === undefined ? '-' : `x${ratio[figure].toFixed(2)}`,
      ]),
    ]);
  const left = leftOut.map(({ name, why }) => `${name}: left out, ${against} does not know it (${why})`);
  return [table.toString(), ...left].join('\n');
}
