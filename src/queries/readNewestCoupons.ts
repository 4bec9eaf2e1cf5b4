import type { Redis } from 'ioredis';
import { keys } from '../infra/keys.ts';
import { readCoupons } from './readCoupons.ts';

export interface CouponState {
  id: string;
  name: string;
  amount: number;
  /** Face value. */
  stock: number;
  left: number;
  /** The version of the coupon's last event; `left` is the number of pieces after it. */
  version: number;
}

/** The current state of a seller's newest coupons, newest first, and the number of all coupons of the seller. */
export async function readNewestCoupons(
  redis: Redis,
  seller: string,
  count: number,
): Promise<{ coupons: CouponState[]; total: number }> {
  const view = keys.sellerView(seller);
  const [names, total] = await Promise.all([redis.zrevrange(view, 0, count - 1), redis.zcard(view)]);
  const { read } = await readCoupons(
    redis,
    names.map((name) => ({ seller, name })),
    ['id', 'left', 'amount', 'stock', 'version'],
  );
  const coupons = read.map(({ id, left, amount, stock, version }, place) => ({
    id,
    name: names[place] ?? '',
    amount: Number(amount),
    stock: Number(stock),
    left: Number(left),
    version: Number(version),
  }));
  return { coupons, total };
}
