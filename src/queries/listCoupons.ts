import type { Redis } from 'ioredis';
import type { Claims } from '../http/auth.ts';
import type { CustomerCoupon, SellerCoupon } from '../http/responses.ts';
import type { Fence } from '../infra/fence.ts';
import type { Gate } from '../infra/gate.ts';
import { keys } from '../infra/keys.ts';
import type { CouponTerms } from './couponTerms.ts';
import { listCustomerCoupons } from './listCustomerCoupons.ts';
import { listSellerCoupons } from './listSellerCoupons.ts';

export type CouponList = SellerCoupon[] | CustomerCoupon[] | 'no-such-user' | 'other-customer';

/** A page of a user's coupons, oldest first, from Redis alone. An empty list when the page holds none. */
export async function listCoupons(
  deps: { redis: Redis; gate: Gate; fence: Fence; couponTerms: CouponTerms },
  by: Pick<Claims, 'sub' | 'kind'>,
  { username, page }: { username: string; page: number },
): Promise<CouponList> {
  deps.gate.mustBeOpen();
  const kind = by.sub === username ? by.kind : await deps.redis.get(keys.userView(username));
  if (kind === 'customer' && by.sub !== username) return 'other-customer';
  const list = kind === 'seller' ? listSellerCoupons : listCustomerCoupons;
  const coupons = kind === null ? [] : await list(deps, username, page);
  // Nothing found is what a Redis that was just emptied would say as well.
  if (coupons.length === 0) await deps.fence.mustStand();
  return kind === null ? 'no-such-user' : coupons;
}
