import { type CouponEvent, couponEventSchema, eventId } from '../events.ts';

// How an event stands in MySQL: ids as 16 bytes, names as bytes, the data as JSON.

export const idToBytes = (id: string) => Buffer.from(id.replaceAll('-', ''), 'hex');

export function bytesToId(bytes: Buffer): string {
  const hex = bytes.toString('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}

export interface EventRow {
  coupon_id: Buffer;
  version: number;
  type: string;
  seller: Buffer;
  name: Buffer;
  occurred_at: number;
  data: string;
}
export const eventColumns = ['coupon_id', 'version', 'type', 'seller', 'name', 'occurred_at', 'data'] as const;

export const eventToRow = ({ coupon, version, type, occurredAt, data }: CouponEvent): EventRow => ({
  coupon_id: idToBytes(coupon.id),
  version,
  type,
  seller: Buffer.from(coupon.seller),
  name: Buffer.from(coupon.name),
  occurred_at: occurredAt,
  data: JSON.stringify(data),
});

/** Throws on a row that is no event of ours. */
export function rowToEvent(row: EventRow): CouponEvent {
  const couponId = bytesToId(row.coupon_id);
  return couponEventSchema.parse({
    id: eventId(couponId, row.version),
    type: row.type,
    coupon: { id: couponId, seller: row.seller.toString(), name: row.name.toString() },
    version: row.version,
    occurredAt: row.occurred_at,
    data: JSON.parse(row.data),
  });
}
