import { canBeCoupon } from '../coupon/names.ts';
import { type CouponName, couponPath } from '../infra/keys.ts';
import type { User } from '../infra/tokens.ts';
import { claimIdempotencyKey } from './claimIdempotencyKey.ts';
import type { GrabResult } from './decideGrabs.ts';
import type { DecisionDeps } from './decision.ts';
import type { GrabLine } from './grabLine.ts';
import { publishUnreadGrab } from './unreadDecisions.ts';

export interface GrabCoupon extends CouponName {
  /** 1 to 64 characters; an empty string means no key. */
  idempotencyKey?: string;
}

/** The customer `by` takes one piece. When this throws, the outcome is unknown and must not be answered as a refusal. */
export async function grabCoupon(
  deps: DecisionDeps & { grabLine: GrabLine },
  by: User,
  { idempotencyKey = '', ...coupon }: GrabCoupon,
): Promise<GrabResult | { outcome: 'not-a-customer' | 'key-of-another-coupon' | 'too-many-keys' }> {
  const arrivedAt = performance.now();
  if (by.kind !== 'customer') return { outcome: 'not-a-customer' };
  // No key needs to be remembered for this answer, which is true for ever.
  if (!canBeCoupon(coupon)) return { outcome: 'no-such-coupon' };
  const claim = await claimIdempotencyKey(deps, by, idempotencyKey, couponPath(coupon));
  if (claim === 'taken') return { outcome: 'key-of-another-coupon' };
  if (claim === 'too-many') return { outcome: 'too-many-keys' };
  const result = await deps.grabLine.decide(coupon, { customer: by.sub, idempotencyKey }, arrivedAt);
  if (result.outcome === 'grabbed' && result.isRepeated) await publishUnreadGrab(deps, coupon, by.sub, result.code);
  return result;
}
