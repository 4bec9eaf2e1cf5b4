import type { Redis } from 'ioredis';
import type { Standing } from '../infra/fence.ts';
import type { Gate } from '../infra/gate.ts';
import { keys } from '../infra/keys.ts';
import type { MysqlReads } from '../infra/stores/mysqlReads.ts';
import type { RedisClock } from '../infra/stores/redisClock.ts';
import type { Kind, User } from '../infra/tokens.ts';
import type { CouponTerms } from './couponTerms.ts';
import { type CustomerCoupon, listCustomerCoupons } from './listCustomerCoupons.ts';
import { type CouponSearch, searchCoupons } from './sellers/searchCoupons.ts';
import type { SellerCoupon } from './sellers/sellerCoupon.ts';
import type { SellerPages } from './sellers/sellerPages.ts';
import type { UserKinds } from './userKinds.ts';

export type CouponList =
  | readonly SellerCoupon[]
  | readonly CustomerCoupon[]
  | 'no-such-user'
  | 'other-customer'
  | 'not-a-sellers-list';

/** The stores of the lists. */
export interface ListDeps {
  redis: Redis;
  reads: MysqlReads;
  gate: Gate;
  fence: Standing;
  clock: RedisClock;
  couponTerms: CouponTerms;
  sellerPages: SellerPages;
  userKinds: UserKinds;
}

/**
 * One page of a user's coupons. Without a search it comes from Redis alone, oldest first. The list is empty when the page has no
 * coupons.
 */
export async function listCoupons(
  deps: ListDeps,
  by: User,
  { username, page, search }: { username: string; page: number; search?: CouponSearch | undefined },
): Promise<CouponList> {
  deps.gate.mustBeOpen();
  const kind = by.sub === username ? by.kind : await deps.userKinds.of(username);
  if (kind === 'customer' && by.sub !== username) return 'other-customer';
  if (kind === 'customer' && search !== undefined) return 'not-a-sellers-list';
  const coupons = kind === null ? [] : await listOf(deps, kind, username, page, search);
  // The list may also be empty because Redis was emptied a moment ago.
  if (coupons.length === 0) await deps.fence.mustStand(viewOf(kind, username));
  return kind === null ? 'no-such-user' : coupons;
}

/** The view that a list comes from. */
function viewOf(kind: Kind | null, username: string): string {
  if (kind === null) return keys.userView(username);
  return kind === 'customer' ? keys.customerView(username) : keys.sellerView(username);
}

function listOf(
  deps: ListDeps,
  kind: Kind,
  username: string,
  page: number,
  search: CouponSearch | undefined,
): Promise<readonly SellerCoupon[] | readonly CustomerCoupon[]> {
  if (kind !== 'seller') return listCustomerCoupons(deps, username, page);
  return search === undefined ? deps.sellerPages.read(username, page) : searchCoupons(deps, username, search, page);
}
