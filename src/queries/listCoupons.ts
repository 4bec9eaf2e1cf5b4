import type { Redis } from 'ioredis';
import type { Claims } from '../auth.ts';
import type { Gate } from '../infra/gate.ts';
import { keys } from '../infra/keys.ts';
import { type CustomerCoupon, listCustomerCoupons } from './listCustomerCoupons.ts';
import { listSellerCoupons, type SellerCoupon } from './listSellerCoupons.ts';

export type CouponList = SellerCoupon[] | CustomerCoupon[] | 'no-such-user' | 'other-customer';

/** A page of a user's coupons, oldest first, from Redis alone. An empty list when the page holds none. */
export async function listCoupons(
  deps: { redis: Redis; gate: Gate },
  by: Pick<Claims, 'sub' | 'kind'>,
  { username, page }: { username: string; page: number },
): Promise<CouponList> {
  deps.gate.mustBeOpen();
  const kind = by.sub === username ? by.kind : await deps.redis.get(keys.userView(username));
  if (kind === null) return 'no-such-user';
  if (kind === 'seller') return listSellerCoupons(deps.redis, username, page);
  return by.sub === username ? listCustomerCoupons(deps.redis, username, page) : 'other-customer';
}
