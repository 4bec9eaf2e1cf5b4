import type { CouponEvent } from '../events.ts';
import { bytesToId } from './log/eventRows.ts';
import { hex, hexId, insertRows, selectRows, updateRows } from './log/sql.ts';
import type { Projection } from './projection.ts';

const MICROSECONDS_A_MINUTE = 60_000_000;
const key = { coupon_id: 'id', minute: 'number' } as const;

/** The number of grabs of each coupon in each minute. The sales of a seller are the sum over the seller's coupons. */
export const salesPerMinute: Projection = {
  name: 'sales_per_minute',
  tables: ['sales_per_minute'],
  async apply(run, nameOf, events) {
    const counts = countByMinute(events);
    if (counts.length === 0) return;
    const counters = { table: nameOf('sales_per_minute'), key } as const;
    // Most counters exist. No other transaction makes one meanwhile: counting a coupon's grabs needs the lock on the coupon's row.
    const set = ['t.grabs = t.grabs + given.grabs'];
    const rows = counts.map(({ coupon, minute, grabs }) => [coupon.id, minute, grabs]);
    const updated = await updateRows(run, counters, { grabs: 'number' }, { set }, rows);
    if (updated === counts.length) return;
    const keys = counts.map(({ coupon, minute }) => [coupon.id, minute]);
    const found = updated === 0 ? [] : await selectRows(run, counters, Object.keys(key), keys);
    const counted = new Set(
      found.map(({ coupon_id, minute }) => keyOf(bytesToId(coupon_id as Buffer), Number(minute))),
    );
    const missing = counts.filter(({ coupon, minute }) => !counted.has(keyOf(coupon.id, minute)));
    const row = ({ coupon, minute, grabs }: Count) =>
      `(${hexId(coupon.id)},${minute},${hex(coupon.seller)},${hex(coupon.name)},${grabs})`;
    await insertRows(run, counters.table, 'coupon_id,minute,seller,name,grabs', missing.map(row));
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
