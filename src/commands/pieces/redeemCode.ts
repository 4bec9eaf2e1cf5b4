import type { User } from '../../infra/tokens.ts';
import { isOwner } from '../changes/changeCoupon.ts';
import type { ClaimRefusal } from '../claimIdempotencyKey.ts';
import { decideChange } from '../decideChange.ts';
import type { DecisionDeps } from '../decision.ts';
import { type FoundPiece, findPiece } from './findPiece.ts';
import { pieceKeys } from './pieceKeys.ts';

export interface RedeemCode {
  seller: string;
  /** 12 characters, as readCode in src/coupon/code.ts returns them. */
  code: string;
  /** 1 to 64 characters; absent or empty means no key. */
  idempotencyKey?: string | undefined;
}

const refusals = ['no-such-code', 'redeemed', 'not-valid-yet', 'no-longer-valid'] as const;
/** Times are in microseconds since 1970 on the clock of Redis. */
export type RedeemCodeResult =
  | ({ result: 'redeemed'; redeemedAt: number } & FoundPiece)
  | { result: 'already-redeemed'; redeemedAt: number | undefined }
  | { result: Exclude<(typeof refusals)[number], 'redeemed'> | 'not-the-owner' | ClaimRefusal };

/**
 * The seller `by` redeems a code that a customer shows at the till. Of several attempts exactly one succeeds. Throws when the outcome
 * is unknown or nothing was decided.
 */
export async function redeemCode(
  deps: DecisionDeps,
  by: User,
  { seller, code, idempotencyKey = '' }: RedeemCode,
): Promise<RedeemCodeResult> {
  const arrivedAt = performance.now();
  if (!isOwner(by, seller)) return { result: 'not-the-owner' };
  const piece = await findPiece(deps, seller, code);
  if (piece === undefined) return { result: 'no-such-code' };
  const decided = await decideChange(deps, {
    script: 'redeemCode',
    coupon: piece.coupon,
    by,
    arrivedAt,
    idempotencyKey,
    content: { code },
    moreKeys: pieceKeys(piece.coupon),
    args: [piece.customer, code],
    refusals,
  });
  switch (decided.refusal) {
    case undefined:
      return { result: 'redeemed', ...piece, redeemedAt: decided.at };
    case 'redeemed':
      return { result: 'already-redeemed', redeemedAt: decided.at };
    default:
      return { result: decided.refusal };
  }
}
