import type { User } from '../../infra/tokens.ts';
import type { DecisionDeps } from '../decision.ts';
import { type ChangeResult, type CouponChange, changeCoupon } from './changeCoupon.ts';

export interface RestockCoupon extends CouponChange {
  /** Pieces to add, from 1. */
  amount: number;
}

/** The seller `by` adds pieces. A coupon has at most 2^53 - 1 pieces in all. */
export const restockCoupon = (
  deps: DecisionDeps,
  by: User,
  { amount, ...coupon }: RestockCoupon,
): Promise<ChangeResult> =>
  changeCoupon(deps, by, coupon, 'restockCoupon', { amount }, [String(amount), String(Number.MAX_SAFE_INTEGER)]);
