import { v7 as uuidv7 } from 'uuid';
import type { Terms } from '../../src/coupon/state.ts';
import {
  type CouponGrabbed,
  type CouponRef,
  type DecidedEvent,
  type EventOf,
  type EventType,
  eventId,
} from '../../src/events.ts';
import type { Delivery } from '../../src/infra/outbox.ts';

// Events as the scripts produce them, for tests that begin after the decision.

export const couponRef = (name: string): CouponRef => ({ id: uuidv7(), seller: 'ann', name });

const event = <T extends EventType>(type: T, coupon: CouponRef, version: number, data: EventOf<T>['data']) =>
  ({
    id: eventId(coupon.id, version),
    type,
    coupon,
    version,
    occurredAt: 1_700_000_000_000_000 + version,
    data,
  }) as EventOf<T>;

export const created = (coupon: CouponRef, amount: number, more: Partial<EventOf<'CouponCreated'>['data']> = {}) =>
  event('CouponCreated', coupon, 1, { amount, stock: 5, description: 'd', ...more });

export const grabbed = (coupon: CouponRef, version: number, customer: string, left: number, code?: string) =>
  event('CouponGrabbed', coupon, version, { customer, left, ...(code === undefined ? {} : { code }) });

/** The customer gives the piece of this grab back. */
export const released = ({ coupon, version: grab, data }: CouponGrabbed, version: number, left: number) =>
  event('GrabReleased', coupon, version, {
    customer: data.customer,
    grab,
    left,
    ...(data.code === undefined ? {} : { code: data.code }),
  });

export const redeemed = (grab: CouponGrabbed, version: number, left: number) =>
  event('CouponRedeemed', grab.coupon, version, redemptionOf(grab, left));

export const undone = (grab: CouponGrabbed, version: number, left: number) =>
  event('RedemptionUndone', grab.coupon, version, redemptionOf(grab, left));

const redemptionOf = ({ version, data: { customer, code = 'without code' } }: CouponGrabbed, left: number) => ({
  customer,
  grab: version,
  left,
  code,
});

export const restocked = (coupon: CouponRef, version: number, added: number, amount: number, left: number) =>
  event('CouponRestocked', coupon, version, { added, amount, left });

export const paused = (coupon: CouponRef, version: number, left: number) =>
  event('CouponPaused', coupon, version, { left });

export const resumed = (coupon: CouponRef, version: number, left: number) =>
  event('CouponResumed', coupon, version, { left });

export const closed = (coupon: CouponRef, version: number, left: number) =>
  event('CouponClosed', coupon, version, { left });

export const termsChanged = (coupon: CouponRef, version: number, left: number, terms: Terms) =>
  event('TermsChanged', coupon, version, { ...terms, left });

export const recounted = (coupon: CouponRef, version: number, left: number) =>
  event('PiecesRecounted', coupon, version, { left });

let entries = 0;
export const delivery = (...events: DecidedEvent[]): Delivery => deliveryWithPrior([], ...events);

/** A delivery that carries earlier events from entries of their own. */
export const deliveryWithPrior = (prior: DecidedEvent[], ...events: DecidedEvent[]): Delivery => ({
  entry: { partition: 0, id: `${++entries}-0` },
  events,
  prior,
});
