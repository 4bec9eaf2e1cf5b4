import { type Phase, type SaleStatus, statusOf } from '../../coupon/state.ts';
import { isoTimes } from '../isoTime.ts';
import { numberIn } from '../readCoupons.ts';

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

/** The fields of the coupon's hash that `sellerCoupon` reads, in the order of the script `readCoupons`. */
export const sellerCouponFields = [
  'version',
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

/** The values of these fields; a field that the hash lacks is an empty string. */
export type SellerCouponFields = Record<(typeof sellerCouponFields)[number], string>;

/** `now`: microseconds since 1970 on the clock of Redis. */
export function sellerCoupon(name: string, fields: SellerCouponFields, now: number): SellerCoupon {
  return {
    name,
    stock: Number(fields.stock),
    description: fields.description,
    amount: Number(fields.amount),
    left: Number(fields.left),
    status: statusIn(fields, now),
    perCustomer: numberIn(fields.perCustomer) ?? 1,
    ...isoTimes({
      startsAt: numberIn(fields.startsAt),
      endsAt: numberIn(fields.endsAt),
      validFrom: numberIn(fields.validFrom),
      validUntil: numberIn(fields.validUntil),
    }),
  };
}

/** The status at `now`. */
export const statusIn = ({ phase, left, startsAt, endsAt }: SellerCouponFields, now: number) =>
  statusOf(
    {
      phase: (phase || 'open') as Phase,
      left: Number(left),
      startsAt: numberIn(startsAt),
      endsAt: numberIn(endsAt),
    },
    now,
  );
