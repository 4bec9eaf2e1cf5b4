import type { User } from '../../infra/tokens.ts';
import type { DecisionDeps } from '../decision.ts';
import { type ChangeResult, type CouponChange, changeCoupon } from './changeCoupon.ts';

/** The seller `by` pauses the sale: grabs get `paused` until the seller resumes it. */
export const pauseCoupon = (deps: DecisionDeps, by: User, coupon: CouponChange): Promise<ChangeResult> =>
  changeCoupon(deps, by, coupon, 'pauseCoupon');
