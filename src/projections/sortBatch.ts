import { isDeepStrictEqual } from 'node:util';
import { grabOf } from '../coupon/pieces.ts';
import { type CouponEvent, eventId } from '../events.ts';
import { allEvents, type Delivery } from '../infra/outbox.ts';

export interface Applied {
  /** Deliveries that MySQL has now, by this transaction or an earlier one. */
  committed: Delivery[];
  /** Deliveries that MySQL cannot take yet: the creation of their coupon, or the grab of their piece, is in another batch. */
  early: Delivery[];
  /** Deliveries with an event that differs from the logged event of the same (coupon, version). */
  damaged: Delivery[];
  /** Deliveries with an event that a newer release has logged, in a form that this one cannot compare. They are left to that release. */
  newer: Delivery[];
}

/** The part of MySQL that decides how a batch is sorted. */
export interface Stored {
  /** The version of each coupon, by its id. */
  coupons: ReadonlyMap<string, number>;
  /** The events of the batch that the log has, by event id. */
  known: ReadonlyMap<string, CouponEvent>;
  /** The ids of events of the batch that a newer release has logged. */
  newer: ReadonlySet<string>;
  /** Rows of coupon_grabs, by the id of their CouponGrabbed. */
  grabs: ReadonlySet<string>;
}

/** The id of the grab that an event about its piece depends on; undefined for all other events. */
export function neededGrab(event: CouponEvent): string | undefined {
  const grab = event.type === 'CouponGrabbed' ? undefined : grabOf(event);
  return grab === undefined ? undefined : eventId(event.coupon.id, grab);
}

/** The ids of the events that MySQL must have before or together with the delivery: the creation, and the grabs of its pieces. */
export const prerequisitesOf = (delivery: Delivery): Set<string> =>
  new Set(allEvents(delivery).flatMap((event) => [eventId(event.coupon.id, 1), neededGrab(event) ?? []].flat()));

/** Sorts a batch by the coupons, events and grabs that MySQL has already. `fresh` are the events to insert. */
export function sortBatch(batch: readonly Delivery[], stored: Stored): Applied & { fresh: CouponEvent[] } {
  const early: Delivery[] = [];
  const damaged: Delivery[] = [];
  const newer: Delivery[] = [];
  // An event may depend on a delivery of the same batch that turns out early or damaged: then the rest is sorted again without it.
  for (let rest = batch; ; ) {
    const pass = sortOnce(rest, stored);
    early.push(...pass.early);
    damaged.push(...pass.damaged);
    newer.push(...pass.newer);
    if (pass.committed.length === rest.length) return { ...pass, early, damaged, newer };
    rest = pass.committed;
  }
}

function sortOnce(batch: readonly Delivery[], stored: Stored): Applied & { fresh: CouponEvent[] } {
  const { coupons, known, newer, grabs } = stored;
  const applied: Applied = { committed: [], early: [], damaged: [], newer: [] };
  const fresh = new Map<string, CouponEvent>();
  const events = batch.flatMap(allEvents);
  const createdHere = new Set(events.filter(({ type }) => type === 'CouponCreated').map(({ coupon }) => coupon.id));
  const grabbedHere = new Set(
    events.some(neededGrab) ? events.filter(({ type }) => type === 'CouponGrabbed').map(({ id }) => id) : [],
  );
  const contradicts = (event: CouponEvent) => {
    const other = known.get(event.id) ?? fresh.get(event.id);
    return other !== undefined && !isDeepStrictEqual(other, event);
  };
  const lacksGrab = (event: CouponEvent) => {
    const grab = neededGrab(event);
    return grab !== undefined && !known.has(event.id) && !grabs.has(grab) && !grabbedHere.has(grab);
  };
  const isEarly = (event: CouponEvent) =>
    (!coupons.has(event.coupon.id) && !createdHere.has(event.coupon.id)) || lacksGrab(event);
  for (const delivery of batch) {
    const own = allEvents(delivery);
    if (newer.size > 0 && own.some(({ id }) => newer.has(id))) {
      applied.newer.push(delivery);
    } else if (own.some(contradicts)) {
      applied.damaged.push(delivery);
    } else if (own.some(isEarly)) {
      applied.early.push(delivery);
    } else {
      for (const event of own) if (!known.has(event.id)) fresh.set(event.id, event);
      applied.committed.push(delivery);
    }
  }
  return { ...applied, fresh: [...fresh.values()] };
}
