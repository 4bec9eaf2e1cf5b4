import { setTimeout as sleep } from 'node:timers/promises';
import type { Mysql } from '../src/infra/mysql.ts';
import type { Child } from './child.ts';
import { now, type Win } from './plan.ts';

const LOOK_EVERY_MS = 2;
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
  const look = async () => {
    const wins = [...waiting.values()];
    const pairs = await Promise.all(wins.map(async ({ path, customer }) => [await idOf(path), customer] as const));
    const rows = await mysql('coupon_grabs')
      .select('coupon_id', 'customer')
      .where((any) => {
        for (const [coupon_id, customer] of pairs)
          if (coupon_id !== undefined) any.orWhere({ coupon_id, customer: Buffer.from(customer) });
        any.orWhereRaw('FALSE');
      });
    const seenAt = now();
    const found = new Set(rows.map((row) => `${row.coupon_id.toString('hex')} ${row.customer}`));
    for (const [place, win] of wins.entries()) {
      const [id, customer] = pairs[place] ?? [];
      if (!found.has(`${id?.toString('hex')} ${customer}`)) continue;
      waiting.delete(`${win.path} ${win.customer}`);
      times.push(seenAt - win.answeredAt);
    }
  };
  const watch = async () => {
    let limit = Number.POSITIVE_INFINITY;
    while (!(stopped && waiting.size === 0)) {
      if (stopped && limit === Number.POSITIVE_INFINITY) limit = performance.now() + LIMIT_MS;
      if (performance.now() > limit) throw new Error(`${waiting.size} wins never came to MySQL`);
      if (waiting.size > 0) await look();
      await sleep(LOOK_EVERY_MS);
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
