import { z } from 'zod';
import { partitionOf } from '../../infra/keys.ts';
import { runScript } from '../../infra/scripts.ts';
import type { User } from '../../infra/tokens.ts';
import { isOwner } from '../changes/changeCoupon.ts';
import { claimIdempotencyKey, describeRequest } from '../claimIdempotencyKey.ts';
import {
  CHANGES_LIMIT,
  type DecisionDeps,
  deadlineAndLimit,
  failOn,
  IDEMPOTENCY_TTL_SECONDS,
  obstacleReplySchema,
  publishDecision,
  rawEntrySchema,
} from '../decision.ts';
import { publishUnreadChange } from '../unreadDecisions.ts';
import { type FoundPiece, findPiece } from './findPiece.ts';
import { pieceKeys } from './releaseGrab.ts';

export interface UndoRedemption {
  seller: string;
  /** 12 characters, as readCode in src/coupon/code.ts returns them. */
  code: string;
  /** 1 to 64 characters; absent or empty means no key. */
  idempotencyKey?: string | undefined;
}

const refusalSchema = z.enum(['no-such-code', 'not-redeemed']);
export type UndoRedemptionResult =
  | ({ result: 'undone' } & FoundPiece)
  | { result: z.infer<typeof refusalSchema> | 'not-the-owner' | 'key-of-another-request' };

const replySchema = z.union([
  z.tuple([z.literal('undone'), rawEntrySchema]),
  z.tuple([z.literal('repeated'), z.string()]),
  z.tuple([z.literal('refused'), refusalSchema]),
  obstacleReplySchema,
]);

/** The seller `by` undoes the redemption of a code, which is good again. Throws when the outcome is unknown or nothing was decided. */
export async function undoRedemption(
  deps: DecisionDeps,
  by: User,
  { seller, code, idempotencyKey = '' }: UndoRedemption,
): Promise<UndoRedemptionResult> {
  if (!isOwner(by, seller)) return { result: 'not-the-owner' };
  const piece = await findPiece(deps, seller, code);
  if (piece === undefined) return { result: 'no-such-code' };
  const request = describeRequest('undoRedemption', piece.coupon, { code });
  if (!(await claimIdempotencyKey(deps, seller, idempotencyKey, request))) return { result: 'key-of-another-request' };

  const partition = partitionOf(piece.coupon);
  const args = [
    ...deadlineAndLimit(deps),
    String(IDEMPOTENCY_TTL_SECONDS),
    String(CHANGES_LIMIT),
    idempotencyKey,
    piece.customer,
    code,
  ];
  const reply = replySchema.parse(await runScript(deps.redis, 'undoRedemption', pieceKeys(piece.coupon), args));
  switch (reply[0]) {
    case 'undone':
      await publishDecision(deps, partition, reply[1]);
      return { result: 'undone', ...piece };
    case 'repeated':
      await publishUnreadChange(deps, piece.coupon, reply[1]);
      return { result: 'undone', ...piece };
    case 'refused':
      return { result: reply[1] };
    default:
      return failOn(deps, reply[0]);
  }
}
