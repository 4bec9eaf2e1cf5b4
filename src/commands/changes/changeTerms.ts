import type { TermsChange } from '../../coupon/decide.ts';
import type { User } from '../../infra/tokens.ts';
import type { DecisionDeps } from '../decision.ts';
import { type ChangeResult, type CouponChange, changeCoupon } from './changeCoupon.ts';

export interface ChangeTerms extends CouponChange {
  /** The terms that change; null removes a limit, and absent fields stay as they are. */
  terms: TermsChange;
}

/** The seller `by` changes the description, the face value or the windows. Customers see the new terms within a second. */
export const changeTerms = (deps: DecisionDeps, by: User, { terms, ...coupon }: ChangeTerms): Promise<ChangeResult> =>
  changeCoupon(
    deps,
    by,
    coupon,
    'changeTerms',
    terms,
    Object.entries(terms).flatMap(([field, value]) => (value === undefined ? [] : [field, String(value ?? '')])),
  );
