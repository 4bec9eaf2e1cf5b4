import { readPieces } from '../../coupon/holderValue.ts';
import { canBeCoupon } from '../../coupon/names.ts';
import { type CouponName, keys } from '../../infra/keys.ts';
import type { User } from '../../infra/tokens.ts';
import type { ClaimRefusal } from '../claimIdempotencyKey.ts';
import { decideChange } from '../decideChange.ts';
import type { DecisionDeps } from '../decision.ts';
import { publishUnreadGrab } from '../unreadDecisions.ts';
import { pieceKeys } from './pieceKeys.ts';

export interface ReleaseGrab extends CouponName {
  customer: string;
  /** The code of the piece, 12 characters; absent for the only piece of the customer. */
  code?: string | undefined;
  /** 1 to 64 characters; absent or empty means no key. */
  idempotencyKey?: string | undefined;
}

const refusals = ['not-held', 'code-needed', 'redeemed'] as const;
export type ReleaseResult = 'released' | (typeof refusals)[number] | 'not-the-holder' | ClaimRefusal;

/** The customer `by` gives a piece back before its code is redeemed. Throws when the outcome is unknown or nothing was decided. */
export async function releaseGrab(
  deps: DecisionDeps,
  by: User,
  { customer, code = '', idempotencyKey = '', ...coupon }: ReleaseGrab,
): Promise<ReleaseResult> {
  const arrivedAt = performance.now();
  if (by.kind !== 'customer' || by.sub !== customer) return 'not-the-holder';
  if (!canBeCoupon(coupon)) return 'not-held';
  await publishGrabs(deps, coupon, customer, code);
  const { refusal } = await decideChange(deps, {
    script: 'releaseGrab',
    coupon,
    by,
    arrivedAt,
    idempotencyKey,
    content: { code },
    moreKeys: pieceKeys(coupon),
    args: [customer, code],
    refusals,
  });
  return refusal ?? 'released';
}

/** MySQL cannot apply a release without the grab of the piece, whose reply may have been lost. */
async function publishGrabs(deps: DecisionDeps, coupon: CouponName, customer: string, code: string): Promise<void> {
  const held = readPieces(await deps.redis.hget(keys.holders(coupon), customer));
  const codes = held.map((piece) => piece.code ?? '').filter((own) => code === '' || own === code);
  await Promise.all(codes.map((own) => publishUnreadGrab(deps, coupon, customer, own)));
}
