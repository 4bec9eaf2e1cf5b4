import type { Redis } from 'ioredis';
import type { Phase } from '../coupon/state.ts';
import { keys } from '../infra/keys.ts';
import { numberIn, readCoupons } from './readCoupons.ts';

/** Times are in microseconds since 1970 on the clock of Redis; an absent time means no limit. */
export interface NewestCoupon {
  id: string;
  name: string;
  /** All pieces: those of the creation and of every restock. */
  amount: number;
  /** Face value. */
  stock: number;
  left: number;
  /** The version of the coupon's last event; `left` is the number of pieces after it. */
  version: number;
  phase: Phase;
  startsAt: number | undefined;
  endsAt: number | undefined;
  /** Pieces that one customer may hold. */
  perCustomer: number;
  /** Numbers of events: redemptions that were undone do not count as redeemed. */
  released: number;
  redeemed: number;
}

const fields = [
  'id',
  'left',
  'amount',
  'stock',
  'version',
  'phase',
  'startsAt',
  'endsAt',
  'perCustomer',
  'released',
  'redeemed',
] as const;

/** The current state of a seller's newest coupons, newest first, and the number of all coupons of the seller. */
export async function readNewestCoupons(
  redis: Redis,
  seller: string,
  count: number,
): Promise<{ coupons: NewestCoupon[]; total: number }> {
  const view = keys.sellerView(seller);
  const [names, total] = await Promise.all([redis.zrevrange(view, 0, count - 1), redis.zcard(view)]);
  const { read } = await readCoupons(
    redis,
    names.map((name) => ({ seller, name })),
    fields,
  );
  const coupons = read.map((coupon, place) => ({
    id: coupon.id,
    name: names[place] ?? '',
    amount: Number(coupon.amount),
    stock: Number(coupon.stock),
    left: Number(coupon.left),
    version: Number(coupon.version),
    phase: (coupon.phase || 'open') as Phase,
    startsAt: numberIn(coupon.startsAt),
    endsAt: numberIn(coupon.endsAt),
    perCustomer: Number(coupon.perCustomer || 1),
    released: Number(coupon.released),
    redeemed: Number(coupon.redeemed),
  }));
  return { coupons, total };
}
