import type { Redis } from 'ioredis';
import { type CouponName, keys, splitCouponPath } from '../infra/keys.ts';

/** More are counted, and not listed. */
const LISTED = 100;

export interface DamagedCoupon extends CouponName {
  id: string | null;
  /** What is wrong with its log, as reconcile found it. */
  damage: string | null;
}

/** The coupons that reconcile has set apart; their grabs get 503. In the order of their names. */
export async function listDamagedCoupons(redis: Redis): Promise<{ count: number; coupons: DamagedCoupon[] }> {
  const count = await redis.scard(keys.damagedCoupons);
  const paths = new Set<string>();
  for (let cursor = '0'; ; ) {
    const [next, page] = await redis.sscan(keys.damagedCoupons, cursor, 'COUNT', LISTED);
    for (const path of page) if (paths.size < LISTED) paths.add(path);
    if (next === '0' || paths.size === LISTED) break;
    cursor = next;
  }
  const coupons = await Promise.all(
    [...paths].sort().map(async (path) => {
      const coupon = splitCouponPath(path);
      const [id = null, damage = null] = await redis.hmget(keys.coupon(coupon), 'id', 'damaged');
      return { ...coupon, id, damage };
    }),
  );
  return { count, coupons };
}
