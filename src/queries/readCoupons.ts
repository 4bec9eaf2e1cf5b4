import type { Redis } from 'ioredis';
import { type CouponName, couponPath, keys } from '../infra/keys.ts';

/**
 * Reads fields of many coupons in one round trip, in the order of the coupons. Throws when the write model lacks a coupon that a view
 * names. The first field must be one that every coupon has.
 */
export async function readCoupons<Field extends string>(
  redis: Redis,
  coupons: readonly CouponName[],
  fields: readonly Field[],
): Promise<Record<Field, string>[]> {
  const pipeline = redis.pipeline();
  for (const coupon of coupons) pipeline.hmget(keys.coupon(coupon), ...fields);
  const replies = (await pipeline.exec()) ?? [];
  return coupons.map((coupon, place) => {
    const [error, values] = (replies[place] ?? [new Error('no reply')]) as [Error | null, (string | null)[]?];
    if (error) throw error;
    if (values?.[0] == null)
      throw new Error(`the view names a coupon that the write model lacks: ${couponPath(coupon)}`);
    return Object.fromEntries(fields.map((field, at) => [field, values[at] ?? ''])) as Record<Field, string>;
  });
}
