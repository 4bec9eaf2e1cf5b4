import type { Redis } from 'ioredis';
import { canBeCoupon } from '../coupon/names.ts';
import type { Standing } from '../infra/fence.ts';
import type { Gate } from '../infra/gate.ts';
import { type CouponName, keys } from '../infra/keys.ts';
import { findCoupons, numberIn } from './readCoupons.ts';
import { type SellerCoupon, sellerCoupon, sellerCouponFields } from './sellers/sellerCoupon.ts';

/** Numbers of events, for the coupon's seller alone. A redemption that was undone does not count as redeemed. */
export interface CouponCounts {
  grabbed: number;
  released: number;
  redeemed: number;
}

/** One coupon as it is in the write model at this moment; undefined when there is none of this name. */
export async function readCoupon(
  { redis, gate, fence }: { redis: Redis; gate: Gate; fence: Standing },
  coupon: CouponName,
): Promise<{ coupon: SellerCoupon; counts: CouponCounts } | undefined> {
  gate.mustBeOpen();
  if (!canBeCoupon(coupon)) return undefined;
  const { found, now } = await findCoupons(redis, [coupon], [...sellerCouponFields, 'released', 'redeemed']);
  const [fields] = found;
  if (fields === undefined) {
    // Redis may have been emptied a moment ago.
    await fence.mustStand(keys.coupon(coupon));
    return undefined;
  }
  const shown = sellerCoupon(coupon.name, fields, now);
  const released = numberIn(fields.released) ?? 0;
  const grabbed = shown.amount - shown.left + released;
  return { coupon: shown, counts: { grabbed, released, redeemed: numberIn(fields.redeemed) ?? 0 } };
}
