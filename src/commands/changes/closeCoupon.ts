import type { User } from '../../infra/tokens.ts';
import type { DecisionDeps } from '../decision.ts';
import { type ChangeResult, type CouponChange, changeCoupon } from './changeCoupon.ts';

/** The seller `by` ends the sale for ever. Codes of pieces that customers hold stay good. */
export const closeCoupon = (deps: DecisionDeps, by: User, coupon: CouponChange): Promise<ChangeResult> =>
  changeCoupon(deps, by, coupon, 'closeCoupon');
