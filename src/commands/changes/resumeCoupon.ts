import type { User } from '../../infra/tokens.ts';
import type { DecisionDeps } from '../decision.ts';
import { type ChangeResult, type CouponChange, changeCoupon } from './changeCoupon.ts';

/** The seller `by` resumes a paused sale. */
export const resumeCoupon = (deps: DecisionDeps, by: User, coupon: CouponChange): Promise<ChangeResult> =>
  changeCoupon(deps, by, coupon, 'resumeCoupon');
