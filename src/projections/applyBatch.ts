import { isDeepStrictEqual } from 'node:util';
import type { CouponEvent } from '../events.ts';
import type { Delivery } from '../infra/outbox.ts';
import type { Mysql } from '../infra/stores/mysql.ts';
import { insertEvents } from './insertEvents.ts';
import { bytesToId, type EventRow, eventColumns, rowsToEvents } from './log/eventRows.ts';
import { projectionTransaction } from './log/pause.ts';
import { hexId, type RunSql } from './log/sql.ts';
import { byCouponAndVersion } from './projection.ts';

/** Keys in one look-up: for much longer lists MariaDB stops using an index. */
const MAX_LOOKED_UP = 500;

export interface Applied {
  /** Deliveries that MySQL has now, by this transaction or an earlier one. */
  committed: Delivery[];
  /** Grabs whose coupon MySQL does not have yet: its creation is in the batch of another process. */
  early: Delivery[];
  /** Deliveries with an event that differs from the logged event of the same (coupon, version). */
  damaged: Delivery[];
}

/**
 * Applies whole deliveries to the log and its projections, in one transaction. Events that the log has already are filtered inside
 * the transaction and every other event is a plain INSERT, so that no fault can be swallowed (invariant 5 in docs/ARCHITECTURE.md).
 */
export async function applyBatch(mysql: Mysql, batch: readonly Delivery[]): Promise<Applied> {
  return projectionTransaction(mysql, async (_trx, run) => {
    const couponIds = [...new Set(batch.flatMap(({ events }) => events.map(({ coupon }) => coupon.id)))].sort();
    const coupons = await lockCoupons(run, couponIds);
    const { fresh, ...applied } = sortOut(batch, coupons, await readKnown(run, batch));
    await insertEvents(run, fresh);
    return applied;
  });
}

/** Every transaction takes its locks in sorted order: two processes with the same coupons wait for each other and do not deadlock. */
async function lockCoupons(run: RunSql, sortedIds: readonly string[]): Promise<Set<string>> {
  const found = new Set<string>();
  for (let done = 0; done < sortedIds.length; done += MAX_LOOKED_UP) {
    const ids = sortedIds.slice(done, done + MAX_LOOKED_UP).map(hexId);
    const rows = await run(`SELECT id FROM coupons WHERE id IN (${ids.join(',')}) ORDER BY id FOR UPDATE`);
    for (const { id } of rows) found.add(bytesToId(id as Buffer));
  }
  return found;
}

/** Sorts a batch by the coupons and events that MySQL has already. `fresh` are the events to insert. */
function sortOut(batch: readonly Delivery[], coupons: ReadonlySet<string>, known: ReadonlyMap<string, CouponEvent>) {
  const applied: Applied = { committed: [], early: [], damaged: [] };
  const fresh = new Map<string, CouponEvent>();
  const createdHere = new Set(
    batch.flatMap(({ events }) => events.filter(({ type }) => type === 'CouponCreated').map(({ coupon }) => coupon.id)),
  );
  const contradicts = (event: CouponEvent) => {
    const stored = known.get(event.id) ?? fresh.get(event.id);
    return stored !== undefined && !isDeepStrictEqual(stored, event);
  };
  const isEarly = ({ coupon }: CouponEvent) => !coupons.has(coupon.id) && !createdHere.has(coupon.id);
  for (const delivery of batch) {
    const { events } = delivery;
    if (events.some(contradicts)) {
      applied.damaged.push(delivery);
    } else if (events.some(isEarly)) {
      applied.early.push(delivery);
    } else {
      for (const event of events) if (!known.has(event.id)) fresh.set(event.id, event);
      applied.committed.push(delivery);
    }
  }
  return { ...applied, fresh: [...fresh.values()].sort(byCouponAndVersion) };
}

/** The events of these deliveries that the log has already, by event id. */
async function readKnown(run: RunSql, batch: readonly Delivery[]): Promise<Map<string, CouponEvent>> {
  // Consecutive versions make one range, so that a busy coupon costs one look-up and not hundreds.
  const ranges: { couponId: string; from: number; to: number }[] = [];
  for (const { coupon, version } of batch.flatMap(({ events }) => events).sort(byCouponAndVersion)) {
    const range = ranges.at(-1);
    if (range?.couponId === coupon.id && version <= range.to + 1) range.to = version;
    else ranges.push({ couponId: coupon.id, from: version, to: version });
  }
  const known: CouponEvent[] = [];
  for (let done = 0; done < ranges.length; done += MAX_LOOKED_UP) {
    const wanted = ranges
      .slice(done, done + MAX_LOOKED_UP)
      .map(({ couponId, from, to }) => `(coupon_id = ${hexId(couponId)} AND version BETWEEN ${from} AND ${to})`);
    const rows = await run(`SELECT ${eventColumns.join(',')} FROM event_log WHERE ${wanted.join(' OR ')}`);
    known.push(...rowsToEvents(rows as unknown as EventRow[]));
  }
  return new Map(known.map((event) => [event.id, event]));
}
