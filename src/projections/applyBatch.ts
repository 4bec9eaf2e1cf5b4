import { grabOf } from '../coupon/pieces.ts';
import { type CouponEvent, eventId } from '../events.ts';
import { groupBy } from '../infra/groupBy.ts';
import { allEvents, type Delivery } from '../infra/outbox.ts';
import type { Mysql } from '../infra/stores/mysql.ts';
import { insertEvents } from './insertEvents.ts';
import { bytesToId, type EventRow, eventColumns, rowsToEvents } from './log/eventRows.ts';
import { projectionTransaction } from './log/pause.ts';
import { hexId, type RunSql } from './log/sql.ts';
import { byCouponAndVersion } from './projection.ts';
import { type Applied, neededGrab, sortBatch } from './sortBatch.ts';

/** Keys in one look-up: for much longer lists MariaDB stops using an index. */
const MAX_LOOKED_UP = 500;

/**
 * Applies whole deliveries to the log and its projections, in one transaction. Events that the log has already are filtered inside
 * the transaction and every other event is a plain INSERT, so that no fault can be swallowed (invariant 5 in docs/ARCHITECTURE.md).
 */
export async function applyBatch(mysql: Mysql, batch: readonly Delivery[]): Promise<Applied> {
  return projectionTransaction(mysql, async (_trx, run) => {
    const events: CouponEvent[] = batch.flatMap(allEvents).sort(byCouponAndVersion);
    const coupons = await lockCoupons(run, [...new Set(events.map(({ coupon }) => coupon.id))]);
    const known = await readKnown(run, events);
    const grabs = await readNeededGrabs(run, events, known);
    const { fresh, ...applied } = sortBatch(batch, { coupons, known, grabs });
    await insertEvents(run, fresh.sort(byCouponAndVersion));
    return applied;
  });
}

/** Every transaction takes its locks in sorted order: two processes with the same coupons wait for each other and do not deadlock. */
async function lockCoupons(run: RunSql, sortedIds: readonly string[]): Promise<Set<string>> {
  const found = new Set<string>();
  for (const ids of chunksOf(sortedIds.map(hexId))) {
    const rows = await run(`SELECT id FROM coupons WHERE id IN (${ids.join(',')}) ORDER BY id FOR UPDATE`);
    for (const { id } of rows) found.add(bytesToId(id as Buffer));
  }
  return found;
}

/** The sorted events that the log has already, by event id. */
async function readKnown(run: RunSql, sorted: readonly CouponEvent[]): Promise<Map<string, CouponEvent>> {
  // Consecutive versions make one range, so that a busy coupon costs one look-up and not hundreds.
  const ranges: { couponId: string; from: number; to: number }[] = [];
  for (const { coupon, version } of sorted) {
    const range = ranges.at(-1);
    if (range?.couponId === coupon.id && version <= range.to + 1) range.to = version;
    else ranges.push({ couponId: coupon.id, from: version, to: version });
  }
  const known: CouponEvent[] = [];
  for (const wanted of chunksOf(ranges)) {
    const rows = await run(
      `SELECT ${eventColumns.join(',')} FROM event_log WHERE ${wanted
        .map(({ couponId, from, to }) => `(coupon_id = ${hexId(couponId)} AND version BETWEEN ${from} AND ${to})`)
        .join(' OR ')}`,
    );
    known.push(...rowsToEvents(rows as unknown as EventRow[]));
  }
  return new Map(known.map((event) => [event.id, event]));
}

/** The grabs that new events about pieces depend on and that coupon_grabs has, by event id. Most batches need no look-up. */
async function readNeededGrabs(run: RunSql, events: readonly CouponEvent[], known: ReadonlyMap<string, CouponEvent>) {
  const wanted = new Map<string, CouponEvent>();
  for (const event of events) {
    const grab = neededGrab(event);
    if (grab !== undefined && !known.has(event.id)) wanted.set(grab, event);
  }
  const grabs = new Set<string>();
  if (wanted.size === 0) return grabs;
  for (const { id } of events) wanted.delete(id);
  for (const chunk of chunksOf([...wanted.values()])) {
    const ofCoupons = [...groupBy(chunk, ({ coupon }) => coupon.id)].map(
      ([id, ofCoupon]) => `(coupon_id = ${hexId(id)} AND version IN (${ofCoupon.map(grabOf).join(',')}))`,
    );
    const rows = await run(`SELECT coupon_id, version FROM coupon_grabs WHERE ${ofCoupons.join(' OR ')}`);
    for (const { coupon_id, version } of rows) grabs.add(eventId(bytesToId(coupon_id as Buffer), Number(version)));
  }
  return grabs;
}

function* chunksOf<T>(items: readonly T[]): Generator<T[]> {
  for (let done = 0; done < items.length; done += MAX_LOOKED_UP) yield items.slice(done, done + MAX_LOOKED_UP);
}
