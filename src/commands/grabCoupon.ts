import { z } from 'zod';
import { type CouponName, couponPath, keys } from '../infra/keys.ts';
import { runScript } from '../infra/scripts.ts';
import type { User } from '../infra/tokens.ts';
import { type GrabOutcome, IDEMPOTENCY_TTL_SECONDS } from './decideGrabs.ts';
import type { DecisionDeps } from './decision.ts';
import type { GrabLine } from './grabLine.ts';

export interface GrabCoupon extends CouponName {
  /** 1 to 64 characters; an empty string means no key. */
  idempotencyKey?: string;
}

const claimSchema = z.tuple([z.enum(['claimed', 'taken'])]);

/** The customer `by` takes one piece. When this throws, the outcome is unknown and must not be answered as a refusal. */
export async function grabCoupon(
  deps: DecisionDeps & { grabLine: GrabLine },
  by: User,
  { idempotencyKey = '', ...coupon }: GrabCoupon,
): Promise<GrabOutcome | 'not-a-customer' | 'key-of-another-coupon'> {
  if (by.kind !== 'customer') return 'not-a-customer';
  if (idempotencyKey !== '' && !(await claimKey(deps, by.sub, idempotencyKey, coupon))) return 'key-of-another-coupon';
  return deps.grabLine.decide(coupon, { customer: by.sub, idempotencyKey });
}

/** False when the key is bound to another coupon. This needs its own script call, because two coupons rarely share a partition. */
async function claimKey(
  { gate, redis }: DecisionDeps,
  customer: string,
  idempotencyKey: string,
  coupon: CouponName,
): Promise<boolean> {
  gate.mustBeOpen();
  const claim = keys.idempotencyClaim(customer, idempotencyKey);
  const args = [couponPath(coupon), String(IDEMPOTENCY_TTL_SECONDS)];
  const [status] = claimSchema.parse(await runScript(redis, 'claimIdempotencyKey', [claim], args));
  return status === 'claimed';
}
