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

export interface RedeemCode {
  seller: string;
  /** 12 characters, as readCode in src/coupon/code.ts returns them. */
  code: string;
  /** 1 to 64 characters; absent or empty means no key. */
  idempotencyKey?: string | undefined;
}

const refusalSchema = z.enum(['no-such-code', 'redeemed', 'not-valid-yet', 'no-longer-valid']);
export type RedeemCodeResult =
  | ({ result: 'redeemed' /** Microseconds since 1970 on the clock of Redis. */; redeemedAt: number } & FoundPiece)
  | { result: 'already-redeemed'; redeemedAt: number | undefined }
  | { result: Exclude<z.infer<typeof refusalSchema>, 'redeemed'> | 'not-the-owner' | 'key-of-another-request' };

const replySchema = z.union([
  z.tuple([z.literal('redeemed'), z.string(), rawEntrySchema]),
  z.tuple([z.literal('repeated'), z.string()]),
  z.tuple([z.literal('refused'), refusalSchema]).rest(z.string()),
  obstacleReplySchema,
]);

/** The seller `by` redeems a code that a customer shows at the till. Of several attempts exactly one succeeds. Throws when the outcome is unknown or nothing was decided. */
export async function redeemCode(
  deps: DecisionDeps,
  by: User,
  { seller, code, idempotencyKey = '' }: RedeemCode,
): Promise<RedeemCodeResult> {
  if (!isOwner(by, seller)) return { result: 'not-the-owner' };
  const piece = await findPiece(deps, seller, code);
  if (piece === undefined) return { result: 'no-such-code' };
  const request = describeRequest('redeemCode', piece.coupon, { code });
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
  const reply = replySchema.parse(await runScript(deps.redis, 'redeemCode', pieceKeys(piece.coupon), args));
  switch (reply[0]) {
    case 'redeemed':
      await publishDecision(deps, partition, reply[2]);
      return { result: 'redeemed', ...piece, redeemedAt: Number(reply[1]) };
    case 'repeated':
      await publishUnreadChange(deps, piece.coupon, reply[1]);
      return { result: 'redeemed', ...piece, redeemedAt: Number(reply[1]) };
    case 'refused': {
      const [, refusal, at] = reply;
      if (refusal !== 'redeemed') return { result: refusal };
      return { result: 'already-redeemed', redeemedAt: at === undefined ? undefined : Number(at) };
    }
    default:
      return failOn(deps, reply[0]);
  }
}
