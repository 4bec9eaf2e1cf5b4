import type { Redis } from 'ioredis';
import { keys } from '../infra/keys.ts';
import { readCoupons } from './readCoupons.ts';

export interface CouponState {
  name: string;
  amount: number;
  /** Face value. */
  stock: number;
  left: number;
  /** The version of the coupon's last event; `left` is the number of pieces after it. */
  version: number;
}

/** The current state of a seller's newest coupons, newest first. */
export async function readNewestCoupons(redis: Redis, seller: string, count: number): Promise<CouponState[]> {
  const names = await redis.zrevrange(keys.sellerView(seller), 0, count - 1);
  const read = await readCoupons(
    redis,
    names.map((name) => ({ seller, name })),
    ['left', 'amount', 'stock', 'version'],
  );
  return read.map(({ left, amount, stock, version }, place) => ({
    name: names[place] ?? '',
    amount: Number(amount),
    stock: Number(stock),
    left: Number(left),
    version: Number(version),
  }));
}
