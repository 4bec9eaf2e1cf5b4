import type { Redis } from 'ioredis';
import type { CustomerCoupon } from '../http/responses.ts';
import { keys, splitCouponPath } from '../infra/keys.ts';
import type { CouponTerms } from './couponTerms.ts';
import { ranksOf } from './page.ts';

/** What a customer has grabbed. */
export async function listCustomerCoupons(
  { redis, couponTerms }: { redis: Redis; couponTerms: CouponTerms },
  customer: string,
  page: number,
): Promise<CustomerCoupon[]> {
  const { first, last } = ranksOf(page);
  const paths = await redis.zrange(keys.customerView(customer), first, String(last));
  const coupons = paths.map(splitCouponPath);
  const terms = await couponTerms.read(coupons);
  return coupons.map(({ name }, place) => ({ name, ...(terms[place] as (typeof terms)[number]) }));
}
