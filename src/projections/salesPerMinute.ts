import type { CouponEvent } from '../events.ts';
import { bytesToId } from './log/eventRows.ts';
import type { RunSql } from './log/sql.ts';
import { hex, hexId, insertRows, updateRows } from './log/sql.ts';
import type { Projection } from './projection.ts';

const MICROSECONDS_A_MINUTE = 60_000_000;

/** The number of grabs of each coupon in each minute. The sales of a seller are the sum over the seller's coupons. */
export const salesPerMinute: Projection = {
  name: 'sales_per_minute',
  tables: ['sales_per_minute'],
  async apply(run, nameOf, events) {
    const counts = countByMinute(events);
    if (counts.length === 0) return;
    const table = nameOf('sales_per_minute');
    // No other transaction inserts between this SELECT and the INSERT: counting a coupon's grabs needs the lock on the coupon's row.
    const counted = await readCounted(run, table, counts);
    const isCounted = ({ coupon, minute }: Count) => counted.has(keyOf(coupon.id, minute));
    const update = counts.filter(isCounted);
    const insert = counts.filter((count) => !isCounted(count));
    const insertColumns = 'coupon_id,minute,seller,name,grabs';
    const row = ({ coupon, minute, grabs }: Count) =>
      `(${hexId(coupon.id)},${minute},${hex(coupon.seller)},${hex(coupon.name)},${grabs})`;
    await insertRows(run, table, insertColumns, insert.map(row));
    if (update.length === 0) return;
    const updateColumns = ['coupon_id', 'minute', 'grabs'];
    await updateRows(
      run,
      table,
      updateColumns,
      { on: 't.coupon_id = given.coupon_id AND t.minute = given.minute', set: 't.grabs = t.grabs + given.grabs' },
      update.map(({ coupon, minute, grabs }) => [hexId(coupon.id), minute, grabs]),
    );
  },
};

interface Count {
  coupon: CouponEvent['coupon'];
  minute: number;
  grabs: number;
}

/** Counts in the order of coupons and minutes: the events are sorted by coupon, and the minutes of a coupon are sorted here. */
function countByMinute(events: readonly CouponEvent[]): Count[] {
  const counts: Count[] = [];
  let minutes = new Map<number, Count>();
  let id = '';
  const take = () => {
    for (const minute of [...minutes.keys()].sort((a, b) => a - b)) counts.push(minutes.get(minute) as Count);
    minutes = new Map();
  };
  for (const { type, coupon, occurredAt } of events) {
    if (type !== 'CouponGrabbed') continue;
    if (coupon.id !== id) take();
    id = coupon.id;
    const minute = Math.floor(occurredAt / MICROSECONDS_A_MINUTE);
    const count = minutes.get(minute);
    if (count) count.grabs++;
    else minutes.set(minute, { coupon, minute, grabs: 1 });
  }
  take();
  return counts;
}

const keyOf = (couponId: string, minute: number) => `${couponId} ${minute}`;

async function readCounted(run: RunSql, table: string, counts: readonly Count[]): Promise<Set<string>> {
  const minutesOf = new Map<string, number[]>();
  for (const { coupon, minute } of counts) {
    const minutes = minutesOf.get(coupon.id);
    if (minutes) minutes.push(minute);
    else minutesOf.set(coupon.id, [minute]);
  }
  const wanted = [...minutesOf].map(
    ([id, minutes]) => `(coupon_id = ${hexId(id)} AND minute IN (${minutes.join(',')}))`,
  );
  const rows = await run(
    `SELECT coupon_id, minute FROM ${table} WHERE ${wanted.join(' OR ')} ORDER BY coupon_id, minute FOR UPDATE`,
  );
  return new Set(rows.map(({ coupon_id, minute }) => keyOf(bytesToId(coupon_id as Buffer), Number(minute))));
}
