import { type CouponGrabbed, type CouponRef, eventId } from '../events.ts';

export interface WonGrab {
  coupon: CouponRef;
  version: number;
  /** Pieces left after the grab. */
  left: number;
  customer: string;
  /** An empty string for grabs of the first releases, which had no codes. */
  code: string;
  /** An empty string means no key. */
  idempotencyKey: string;
}

/**
 * The event of a grab. The process that decided the grab and a process that reads its entry both build the event here, so that both
 * have the same event. `occurredAt`: microseconds since 1970.
 */
export function grabEvent(occurredAt: number, { coupon, version, left, customer, code, idempotencyKey }: WonGrab) {
  const data: CouponGrabbed['data'] = { customer, left };
  if (code !== '') data.code = code;
  if (idempotencyKey !== '') data.idempotencyKey = idempotencyKey;
  const event: CouponGrabbed = {
    id: eventId(coupon.id, version),
    type: 'CouponGrabbed',
    coupon,
    version,
    occurredAt,
    data,
  };
  return event;
}
