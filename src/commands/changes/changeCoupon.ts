import { canBeCoupon } from '../../coupon/names.ts';
import type { CouponName } from '../../infra/keys.ts';
import type { User } from '../../infra/tokens.ts';
import type { ClaimRefusal } from '../claimIdempotencyKey.ts';
import { decideChange } from '../decideChange.ts';
import type { DecisionDeps } from '../decision.ts';

// What the commands of a coupon's seller share: restock, pause, resume, close, change of terms.

export interface CouponChange extends CouponName {
  /** 1 to 64 characters; absent or empty means no key. */
  idempotencyKey?: string | undefined;
}

const refusals = ['no-such-coupon', 'paused', 'not-paused', 'closed', 'too-many-pieces', 'empty-window'] as const;
export type ChangeResult = 'changed' | (typeof refusals)[number] | 'not-the-owner' | ClaimRefusal;

export const isOwner = (by: User, seller: string) => by.kind === 'seller' && by.sub === seller;

/** `content` and `args` say what the command says beside the coupon. Throws when the outcome is unknown or nothing was decided. */
export async function changeCoupon(
  deps: DecisionDeps,
  by: User,
  { idempotencyKey = '', ...coupon }: CouponChange,
  script: 'restockCoupon' | 'pauseCoupon' | 'resumeCoupon' | 'closeCoupon' | 'changeTerms',
  content: object = {},
  args: readonly string[] = [],
): Promise<ChangeResult> {
  const arrivedAt = performance.now();
  if (!isOwner(by, coupon.seller)) return 'not-the-owner';
  if (!canBeCoupon(coupon)) return 'no-such-coupon';
  const change = { script, coupon, by, arrivedAt, idempotencyKey, content, args, refusals };
  const { refusal } = await decideChange(deps, change);
  return refusal ?? 'changed';
}
