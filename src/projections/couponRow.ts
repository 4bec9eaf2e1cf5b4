import type { CouponState, Phase } from '../coupon/state.ts';
import { bytesToId } from './log/eventRows.ts';

/** A row of the table coupons. */
export interface CouponRow {
  id: Buffer;
  seller: Buffer;
  name: Buffer;
  /** The version of the last event in the log, which is also the number of the coupon's events. */
  version: number;
  amount: number;
  stock: number;
  description: string;
  pieces_left: number;
  per_customer: number;
  starts_at: number | null;
  ends_at: number | null;
  valid_from: number | null;
  valid_until: number | null;
  phase: Phase;
}

/** Numbers of rows in coupon_grabs. */
export interface GrabCounts {
  grabbed: number;
  released: number;
  redeemed: number;
}

/** The state that the tables have of a coupon. They do not have the number of recounts. */
export const stateOfRow = (row: CouponRow, counts: GrabCounts): CouponState => ({
  coupon: { id: bytesToId(row.id), seller: row.seller.toString(), name: row.name.toString() },
  version: row.version,
  phase: row.phase,
  amount: row.amount,
  left: row.pieces_left,
  perCustomer: row.per_customer,
  stock: row.stock,
  description: row.description,
  startsAt: row.starts_at ?? undefined,
  endsAt: row.ends_at ?? undefined,
  validFrom: row.valid_from ?? undefined,
  validUntil: row.valid_until ?? undefined,
  ...counts,
  recounted: 0,
});
