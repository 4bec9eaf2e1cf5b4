import { isDeepStrictEqual } from 'node:util';
import type { Knex } from 'knex';
import {
  type CouponCreated,
  type CouponEvent,
  type CouponGrabbed,
  leftAfter,
  type PiecesRecounted,
  unreachable,
} from '../events.ts';
import type { Mysql } from '../infra/mysql.ts';
import type { Delivery } from '../infra/outbox.ts';
import { bytesToId, type EventRow, eventColumns, eventToRow, idToBytes, rowToEvent } from './eventRows.ts';

export interface Applied {
  /** In MySQL now, by this transaction or an earlier one. */
  committed: Delivery[];
  /** Grabs of a coupon that MySQL doesn't know yet: its creation is in another process's batch. */
  early: Delivery[];
  /** Contradict what the log says of the same (coupon, version). */
  damaged: Delivery[];
}

/**
 * Applies whole deliveries in one transaction: the log, the coupons and the grabs. Events that the log knows are filtered
 * inside the transaction and everything else is a plain INSERT, so nothing can be swallowed.
 */
export async function applyBatch(mysql: Mysql, batch: readonly Delivery[]): Promise<Applied> {
  return mysql.transaction(
    async (trx) => {
      const couponIds = [...new Set(batch.flatMap(({ events }) => events.map(({ coupon }) => coupon.id)))].sort();
      // Taken in sorted order by everybody: two processes with the same coupons wait for each other and don't deadlock.
      const rows = await trx('coupons').select('id').whereIn('id', couponIds.map(idToBytes)).orderBy('id').forUpdate();
      const coupons = new Set(rows.map(({ id }) => bytesToId(id)));
      const { fresh, ...applied } = sortOut(batch, coupons, await readKnown(trx, batch));
      await insertEvents(trx, fresh);
      return applied;
    },
    { isolationLevel: 'read committed' },
  );
}

/** Parts a batch by what MySQL has: ids of coupons, and known events by their ids. `fresh` is what there is to insert. */
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

const byCouponAndVersion = (a: CouponEvent, b: CouponEvent) =>
  a.coupon.id < b.coupon.id ? -1 : a.coupon.id > b.coupon.id ? 1 : a.version - b.version;

/** The events of these deliveries that the log has already, by id. */
async function readKnown(trx: Knex.Transaction, batch: readonly Delivery[]): Promise<Map<string, CouponEvent>> {
  // Versions that follow each other make one range: a busy coupon is one look-up and not hundreds.
  const ranges: { couponId: string; from: number; to: number }[] = [];
  for (const { coupon, version } of batch.flatMap(({ events }) => events).sort(byCouponAndVersion)) {
    const range = ranges.at(-1);
    if (range?.couponId === coupon.id && version <= range.to + 1) range.to = version;
    else ranges.push({ couponId: coupon.id, from: version, to: version });
  }
  const rows: EventRow[] = await trx('event_log')
    .select(...eventColumns)
    .where((any) => {
      for (const { couponId, from, to } of ranges) {
        any.orWhere((one) => one.where('coupon_id', idToBytes(couponId)).whereBetween('version', [from, to]));
      }
    });
  return new Map(rows.map(rowToEvent).map((event) => [event.id, event]));
}

/** Events that the log does not have, sorted by coupon and version, into the log and the tables that follow from it. */
export async function insertEvents(trx: Knex.Transaction, events: readonly CouponEvent[]): Promise<void> {
  if (events.length === 0) return;
  const created: CouponCreated[] = [];
  const grabbed: CouponGrabbed[] = [];
  const changed: (CouponGrabbed | PiecesRecounted)[] = [];
  for (const event of events) {
    switch (event.type) {
      case 'CouponCreated':
        created.push(event);
        break;
      case 'CouponGrabbed':
        grabbed.push(event);
        changed.push(event);
        break;
      case 'PiecesRecounted':
        changed.push(event);
        break;
      default:
        unreachable(event);
    }
  }
  await trx('event_log').insert(events.map(eventToRow));
  if (created.length > 0) await trx('coupons').insert(created.map(couponRow));
  if (grabbed.length > 0) await trx('coupon_grabs').insert(grabbed.map(grabRow));
  if (changed.length > 0) await updatePiecesLeft(trx, changed);
}

const couponRow = ({ coupon, version, occurredAt, data }: CouponCreated) => ({
  id: idToBytes(coupon.id),
  seller: Buffer.from(coupon.seller),
  name: Buffer.from(coupon.name),
  amount: data.amount,
  stock: data.stock,
  description: data.description,
  pieces_left: data.amount,
  version,
  created_at: occurredAt,
});

const grabRow = ({ coupon, version, occurredAt, data }: CouponGrabbed) => ({
  coupon_id: idToBytes(coupon.id),
  version,
  customer: Buffer.from(data.customer),
  grabbed_at: occurredAt,
});

/** Sets, and never counts down: what a coupon has left is what its event with the highest version says. */
async function updatePiecesLeft(
  trx: Knex.Transaction,
  changed: readonly (CouponGrabbed | PiecesRecounted)[],
): Promise<void> {
  // Sorted by version within a coupon, so that the last one stays.
  const latest = [...new Map(changed.map((event) => [event.coupon.id, event])).values()];
  const cases = (value: (event: CouponEvent) => number) =>
    latest.flatMap((event) => [idToBytes(event.coupon.id), value(event)]);
  const whens = latest.map(() => 'WHEN ? THEN ?').join(' ');
  const version = cases((event) => event.version);
  await trx.raw(
    `UPDATE coupons SET pieces_left = CASE id ${whens} END, version = CASE id ${whens} END
     WHERE id IN (${latest.map(() => '?').join(',')}) AND version < CASE id ${whens} END`,
    [...cases(leftAfter), ...version, ...latest.map((event) => idToBytes(event.coupon.id)), ...version],
  );
}
