import { setTimeout as sleep } from 'node:timers/promises';
import type { Mysql } from '../../src/infra/stores/mysql.ts';
import type { Child } from '../load/childProcess.ts';
import { now, type Win } from '../load/loadPlan.ts';

/** Each look takes CPU from what is measured, so only the oldest win is looked for: the others come after it or with it. */
const LOOK_EVERY_MS = 5;
const LIMIT_MS = 30_000;

/**
 * Looks for wins that the crowd names in MySQL until they are there: milliseconds from the 201 to the first look that saw
 * the COMMIT.
 */
export function watchDurability(crowd: Child, mysql: Mysql) {
  const ids = new Map<string, Buffer>();
  const waiting = new Map<string, Win>();
  const times: number[] = [];
  let stopped = false;
  crowd.onNote((note) => {
    const win = note as Win;
    waiting.set(`${win.path} ${win.customer}`, win);
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
  /** True when the win is in MySQL. */
  const look = async ([key, win]: [string, Win]): Promise<boolean> => {
    const id = await idOf(win.path);
    if (id === undefined) return false;
    const [rows] = await mysql.raw('SELECT 1 FROM coupon_grabs WHERE coupon_id = ? AND customer = ?', [
      id,
      Buffer.from(win.customer),
    ]);
    if (rows.length === 0) return false;
    waiting.delete(key);
    times.push(now() - win.answeredAt);
    return true;
  };
  const watch = async () => {
    let limit = Number.POSITIVE_INFINITY;
    while (!(stopped && waiting.size === 0)) {
      if (stopped && limit === Number.POSITIVE_INFINITY) limit = performance.now() + LIMIT_MS;
      if (performance.now() > limit) throw new Error(`${waiting.size} wins never came to MySQL`);
      const [oldest] = waiting;
      const found = oldest !== undefined && (await look(oldest));
      if (!found) await sleep(LOOK_EVERY_MS);
    }
  };
  const watching = watch();
  // Waited for at the end; a row that fails before comes never there.
  watching.catch(() => {});
  return {
    /** Resolves, when all that were named have been seen, to their times in order. */
    async end(): Promise<number[]> {
      stopped = true;
      await watching;
      return times.sort((a, b) => a - b);
    },
  };
}
