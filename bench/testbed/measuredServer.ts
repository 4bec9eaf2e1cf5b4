import type { Child } from '../load/childProcess.ts';
import type { Stage } from './testbed.ts';

/** The server that a row measures: ours, or a baseline on the same stores. */
export interface Target {
  url: string;
  nodePid: number;
  settled(): Promise<void>;
  /** Grabs that MySQL has. Throws when the tables contradict each other. */
  countGrabs(): Promise<number>;
}

export const ours = ({ url, pids, settled, mysql }: Stage): Target => ({
  url,
  nodePid: pids.node,
  settled,
  async countGrabs() {
    const [[row]] = await mysql.raw(
      `SELECT COUNT(*) AS grabs, (SELECT COALESCE(SUM(version - 1), 0) FROM coupons) AS versions,
        (SELECT COALESCE(SUM(amount - pieces_left), 0) FROM coupons) AS taken FROM coupon_grabs`,
    );
    const [grabs = 0, versions, taken] = [row.grabs, row.versions, row.taken].map(Number);
    if (grabs !== versions || grabs !== taken)
      throw new Error(`coupon_grabs has ${grabs} rows, versions say ${versions}, pieces ${taken}`);
    return grabs;
  },
});

export const baseline = ({ mysql }: Stage, child: Child, url: string): Target => ({
  url,
  nodePid: child.pid,
  settled: () => child.ask<void>('settled', undefined),
  async countGrabs() {
    const [row] = await mysql('baseline_grabs').count({ grabs: '*' });
    return Number(row?.grabs);
  },
});
