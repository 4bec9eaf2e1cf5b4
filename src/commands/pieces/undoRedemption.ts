import type { User } from '../../infra/tokens.ts';
import { isOwner } from '../changes/changeCoupon.ts';
import type { ClaimRefusal } from '../claimIdempotencyKey.ts';
import { decideChange } from '../decideChange.ts';
import type { DecisionDeps } from '../decision.ts';
import { type FoundPiece, findPiece } from './findPiece.ts';
import { pieceKeys } from './pieceKeys.ts';

export interface UndoRedemption {
  seller: string;
  /** 12 characters, as readCode in src/coupon/code.ts returns them. */
  code: string;
  /** 1 to 64 characters; absent or empty means no key. */
  idempotencyKey?: string | undefined;
}

const refusals = ['no-such-code', 'not-redeemed'] as const;
export type UndoRedemptionResult =
  | ({ result: 'undone' } & FoundPiece)
  | { result: (typeof refusals)[number] | 'not-the-owner' | ClaimRefusal };

/** The seller `by` undoes the redemption of a code, which is good again. Throws when the outcome is unknown or nothing was decided. */
export async function undoRedemption(
  deps: DecisionDeps,
  by: User,
  { seller, code, idempotencyKey = '' }: UndoRedemption,
): Promise<UndoRedemptionResult> {
  const arrivedAt = performance.now();
  if (!isOwner(by, seller)) return { result: 'not-the-owner' };
  const piece = await findPiece(deps, seller, code);
  if (piece === undefined) return { result: 'no-such-code' };
  const { refusal } = await decideChange(deps, {
    script: 'undoRedemption',
    coupon: piece.coupon,
    by,
    arrivedAt,
    idempotencyKey,
    content: { code },
    moreKeys: pieceKeys(piece.coupon),
    args: [piece.customer, code],
    refusals,
  });
  return refusal === undefined ? { result: 'undone', ...piece } : { result: refusal };
}
