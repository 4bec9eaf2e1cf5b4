import type { Redis } from 'ioredis';
import { type Phase, type SaleStatus, statusOf } from '../coupon/state.ts';
import { isoTimes } from './isoTime.ts';
import { numberIn, readCoupons } from './readCoupons.ts';

/** What every logged-in user may see of a coupon. Times are ISO 8601; an absent time means no limit. */
export interface SellerCoupon {
  name: string;
  /** Face value. */
  stock: number;
  description: string;
  /** All pieces: those of the creation and of every restock. */
  amount: number;
  /** Pieces left. */
  left: number;
  status: SaleStatus;
  /** Pieces that one customer may hold. */
  perCustomer: number;
  startsAt?: string | undefined;
  endsAt?: string | undefined;
  validFrom?: string | undefined;
  validUntil?: string | undefined;
}

/** The fields of the coupon's hash that `sellerCoupon` reads. */
export const sellerCouponFields = [
  'left',
  'amount',
  'stock',
  'description',
  'phase',
  'perCustomer',
  'startsAt',
  'endsAt',
  'validFrom',
  'validUntil',
] as const;

/** `now`: microseconds since 1970 on the clock of Redis. */
export function sellerCoupon(
  name: string,
  fields: Record<(typeof sellerCouponFields)[number], string>,
  now: number,
): SellerCoupon {
  const phase = (fields.phase || 'open') as Phase;
  const left = Number(fields.left);
  const [startsAt, endsAt] = [numberIn(fields.startsAt), numberIn(fields.endsAt)];
  return {
    name,
    stock: Number(fields.stock),
    description: fields.description,
    amount: Number(fields.amount),
    left,
    status: statusOf({ phase, left, startsAt, endsAt }, now),
    perCustomer: numberIn(fields.perCustomer) ?? 1,
    ...isoTimes({
      startsAt,
      endsAt,
      validFrom: numberIn(fields.validFrom),
      validUntil: numberIn(fields.validUntil),
    }),
  };
}

/** Coupons of one seller, in the order of the names, as they are in the write model at this moment. */
export async function readSellerCoupons(
  redis: Redis,
  seller: string,
  names: readonly string[],
): Promise<SellerCoupon[]> {
  const coupons = names.map((name) => ({ seller, name }));
  const { read, now } = await readCoupons(redis, coupons, sellerCouponFields);
  return read.map((fields, place) => sellerCoupon(names[place] ?? '', fields, now));
}
