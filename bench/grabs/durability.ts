import { setTimeout as sleep } from 'node:timers/promises';
import type { Mysql } from '../../src/infra/stores/mysql.ts';
import type { Child } from '../load/childProcess.ts';
import { nowMs, type WinSample } from '../load/loadPlan.ts';

/** Every query uses CPU that is measured, so only the oldest win is queried: the others are committed with it or after it. */
const QUERY_EVERY_MS = 5;
const LIMIT_MS = 30_000;

/**
 * Queries MySQL for the sampled wins of the load process until their rows are there, and measures the milliseconds from the 201
 * to the first query that found the row.
 */
export function watchDurability(loadProcess: Child, mysql: Mysql) {
  const ids = new Map<string, Buffer>();
  const pending = new Map<string, WinSample>();
  const times: number[] = [];
  let ending = false;
  loadProcess.onNotification((notification) => {
    const win = notification as WinSample;
    pending.set(`${win.path} ${win.customer}`, win);
  });

  const idOf = async (path: string): Promise<Buffer | undefined> => {
    const known = ids.get(path);
    if (known !== undefined) return known;
    const [, , , seller = '', , name = ''] = path.split('/');
    const row = await mysql('coupons')
      .select('id')
      .where({ seller: Buffer.from(seller), name: Buffer.from(name) })
      .first();
    if (row !== undefined) ids.set(path, row.id);
    return row?.id;
  };
  /** Resolves to true when the win is in MySQL. */
  const query = async ([key, win]: [string, WinSample]): Promise<boolean> => {
    const id = await idOf(win.path);
    if (id === undefined) return false;
    const [rows] = await mysql.raw('SELECT 1 FROM coupon_grabs WHERE coupon_id = ? AND customer = ?', [
      id,
      Buffer.from(win.customer),
    ]);
    if (rows.length === 0) return false;
    pending.delete(key);
    times.push(nowMs() - win.answeredAt);
    return true;
  };
  const watch = async () => {
    let limit = Number.POSITIVE_INFINITY;
    while (!(ending && pending.size === 0)) {
      if (ending && limit === Number.POSITIVE_INFINITY) limit = performance.now() + LIMIT_MS;
      if (performance.now() > limit) throw new Error(`${pending.size} wins never reached MySQL`);
      const [oldest] = pending;
      const found = oldest !== undefined && (await query(oldest));
      if (!found) await sleep(QUERY_EVERY_MS);
    }
  };
  const watching = watch();
  // `end` awaits this promise. If the measurement fails before `end`, a rejection must not end the process.
  watching.catch(() => {});
  return {
    /** Resolves to the sorted times when every sampled win has been found. */
    async end(): Promise<number[]> {
      ending = true;
      await watching;
      return times.sort((a, b) => a - b);
    },
  };
}
