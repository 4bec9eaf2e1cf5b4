import type { Child } from '../load/childProcess.ts';
import type { Testbed } from './testbed.ts';

/** The server that a scenario measures: seckill, or a baseline on the same stores. */
export interface MeasuredServer {
  url: string;
  nodePid: number;
  /** Resolves when MySQL has every win that was answered 201. */
  drained(): Promise<void>;
  /** Counts the grabs in MySQL. Throws if the tables contradict each other. */
  countGrabs(): Promise<number>;
}

export const seckillServer = ({ url, pids, drained, mysql }: Testbed): MeasuredServer => ({
  url,
  nodePid: pids.node,
  drained,
  async countGrabs() {
    const [[row]] = await mysql.raw(
      `SELECT COUNT(*) AS grabs, (SELECT COALESCE(SUM(version - 1), 0) FROM coupons) AS versions,
        (SELECT COALESCE(SUM(amount - pieces_left), 0) FROM coupons) AS taken FROM coupon_grabs`,
    );
    const [grabs = 0, versions, taken] = [row.grabs, row.versions, row.taken].map(Number);
    if (grabs !== versions || grabs !== taken)
      throw new Error(`coupon_grabs has ${grabs} rows, but versions say ${versions} and pieces ${taken}`);
    return grabs;
  },
});

export const measuredBaseline = ({ mysql }: Testbed, child: Child, url: string): MeasuredServer => ({
  url,
  nodePid: child.pid,
  drained: () => child.call<void>('drained', undefined),
  async countGrabs() {
    const [row] = await mysql('baseline_grabs').count({ grabs: '*' });
    return Number(row?.grabs);
  },
});
