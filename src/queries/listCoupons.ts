import type { Redis } from 'ioredis';
import type { Fence } from '../infra/fence.ts';
import type { Gate } from '../infra/gate.ts';
import { keys } from '../infra/keys.ts';
import type { User } from '../infra/tokens.ts';
import type { CouponTerms } from './couponTerms.ts';
import { type CustomerCoupon, listCustomerCoupons } from './listCustomerCoupons.ts';
import { listSellerCoupons, type SellerCoupon } from './listSellerCoupons.ts';

export type CouponList = SellerCoupon[] | CustomerCoupon[] | 'no-such-user' | 'other-customer';

/** One page of a user's coupons, oldest first, from Redis alone. The list is empty when the page has no coupons. */
export async function listCoupons(
  deps: { redis: Redis; gate: Gate; fence: Fence; couponTerms: CouponTerms },
  by: User,
  { username, page }: { username: string; page: number },
): Promise<CouponList> {
  deps.gate.mustBeOpen();
  const kind = by.sub === username ? by.kind : await deps.redis.get(keys.userView(username));
  if (kind === 'customer' && by.sub !== username) return 'other-customer';
  const list = kind === 'seller' ? listSellerCoupons : listCustomerCoupons;
  const coupons = kind === null ? [] : await list(deps, username, page);
  // The list may also be empty because Redis was emptied a moment ago.
  if (coupons.length === 0) await deps.fence.mustStand();
  return kind === null ? 'no-such-user' : coupons;
}
