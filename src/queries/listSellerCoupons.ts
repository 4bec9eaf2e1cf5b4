import type { Redis } from 'ioredis';
import { keys } from '../infra/keys.ts';
import { ranksOf } from './page.ts';
import { readSellerCoupons, type SellerCoupon } from './sellerCoupon.ts';

/** One page of the coupons that a seller offers, oldest first. */
export async function listSellerCoupons(
  { redis }: { redis: Redis },
  seller: string,
  page: number,
): Promise<SellerCoupon[]> {
  const { first, last } = ranksOf(page);
  const names = await redis.zrange(keys.sellerView(seller), first, String(last));
  return readSellerCoupons(redis, seller, names);
}
