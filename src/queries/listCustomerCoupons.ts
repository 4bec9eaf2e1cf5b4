import type { Redis } from 'ioredis';
import { keys, splitCouponPath } from '../infra/keys.ts';
import type { CouponTerms, Terms } from './couponTerms.ts';
import { ranksOf } from './page.ts';

export interface CustomerCoupon extends Terms {
  name: string;
  seller: string;
  /** ISO 8601, on the clock of Redis. */
  grabbedAt: string;
}

/** One page of the coupons that a customer has grabbed. The score of the view is the time of the grab in microseconds. */
export async function listCustomerCoupons(
  { redis, couponTerms }: { redis: Redis; couponTerms: CouponTerms },
  customer: string,
  page: number,
): Promise<CustomerCoupon[]> {
  const { first, last } = ranksOf(page);
  const scored = await redis.zrange(keys.customerView(customer), first, String(last), 'WITHSCORES');
  const coupons = scored.filter((_, place) => place % 2 === 0).map(splitCouponPath);
  const times = scored.filter((_, place) => place % 2 === 1);
  const terms = await couponTerms.read(coupons);
  return coupons.map(({ seller, name }, place) => ({
    name,
    ...(terms[place] as Terms),
    seller,
    grabbedAt: new Date(Number(times[place]) / 1_000).toISOString(),
  }));
}
