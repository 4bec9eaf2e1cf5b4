import type { Redis } from 'ioredis';
import { keys, splitCouponPath } from '../infra/keys.ts';
import type { CouponTerms, Terms } from './couponTerms.ts';
import { ranksOf } from './page.ts';

export interface CustomerCoupon extends Terms {
  name: string;
}

/** One page of the coupons that a customer has grabbed. */
export async function listCustomerCoupons(
  { redis, couponTerms }: { redis: Redis; couponTerms: CouponTerms },
  customer: string,
  page: number,
): Promise<CustomerCoupon[]> {
  const { first, last } = ranksOf(page);
  const paths = await redis.zrange(keys.customerView(customer), first, String(last));
  const coupons = paths.map(splitCouponPath);
  const terms = await couponTerms.read(coupons);
  return coupons.map(({ name }, place) => ({ name, ...(terms[place] as Terms) }));
}
