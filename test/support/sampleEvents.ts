import { v7 as uuidv7 } from 'uuid';
import type { CouponCreated, CouponGrabbed, CouponRef, PiecesRecounted } from '../../src/events.ts';
import { eventId } from '../../src/events.ts';
import type { Delivery } from '../../src/infra/outbox.ts';

// Events as the scripts produce them, for tests that begin after the decision.

export const couponRef = (name: string): CouponRef => ({ id: uuidv7(), seller: 'ann', name });

export const created = (coupon: CouponRef, amount: number): CouponCreated => ({
  id: eventId(coupon.id, 1),
  type: 'CouponCreated',
  coupon,
  version: 1,
  occurredAt: 1_700_000_000_000_001,
  data: { amount, stock: 5, description: 'd' },
});

export const grabbed = (coupon: CouponRef, version: number, customer: string, left: number): CouponGrabbed => ({
  id: eventId(coupon.id, version),
  type: 'CouponGrabbed',
  coupon,
  version,
  occurredAt: 1_700_000_000_000_000 + version,
  data: { customer, left },
});

export const recounted = (coupon: CouponRef, version: number, left: number): PiecesRecounted => ({
  id: eventId(coupon.id, version),
  type: 'PiecesRecounted',
  coupon,
  version,
  occurredAt: 1_700_000_000_000_000 + version,
  data: { left },
});

let entries = 0;
export const delivery = (...events: Delivery['events']): Delivery => ({
  entry: { partition: 0, id: `${++entries}-0` },
  events,
  prior: [],
});
