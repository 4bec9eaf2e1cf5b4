import type { Redis } from 'ioredis';
import { keys, splitCouponPath } from '../infra/keys.ts';
import type { CustomerCoupon } from '../responses.ts';
import { ranksOf } from './page.ts';
import { readCoupons } from './readCoupons.ts';

/** What a customer has grabbed. */
export async function listCustomerCoupons(redis: Redis, customer: string, page: number): Promise<CustomerCoupon[]> {
  const { first, last } = ranksOf(page);
  const paths = await redis.zrange(keys.customerView(customer), first, String(last));
  const coupons = paths.map(splitCouponPath);
  const read = await readCoupons(redis, coupons, ['stock', 'description']);
  return read.map(({ stock, description }, place) => ({
    name: coupons[place]?.name ?? '',
    stock: Number(stock),
    description,
  }));
}
