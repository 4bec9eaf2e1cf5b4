import { z } from 'zod';
import { readPieces } from '../../coupon/holderValue.ts';
import { type CouponName, keys, partitionOf } from '../../infra/keys.ts';
import { runScript } from '../../infra/scripts.ts';
import type { User } from '../../infra/tokens.ts';
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
import { publishUnreadChange, publishUnreadGrab } from '../unreadDecisions.ts';

export interface ReleaseGrab extends CouponName {
  customer: string;
  /** The code of the piece, 12 characters; absent for the only piece of the customer. */
  code?: string | undefined;
  /** 1 to 64 characters; absent or empty means no key. */
  idempotencyKey?: string | undefined;
}

const refusalSchema = z.enum(['not-held', 'code-needed', 'redeemed']);
export type ReleaseResult = 'released' | z.infer<typeof refusalSchema> | 'not-the-holder' | 'key-of-another-request';

const replySchema = z.union([
  z.tuple([z.literal('released'), rawEntrySchema]),
  z.tuple([z.literal('repeated'), z.string()]),
  z.tuple([z.literal('refused'), refusalSchema]),
  obstacleReplySchema,
]);

/** The customer `by` gives a piece back before its code is redeemed. Throws when the outcome is unknown or nothing was decided. */
export async function releaseGrab(
  deps: DecisionDeps,
  by: User,
  { customer, code = '', idempotencyKey = '', ...coupon }: ReleaseGrab,
): Promise<ReleaseResult> {
  if (by.kind !== 'customer' || by.sub !== customer) return 'not-the-holder';
  const request = describeRequest('releaseGrab', coupon, { code });
  if (!(await claimIdempotencyKey(deps, customer, idempotencyKey, request))) return 'key-of-another-request';

  await publishGrabs(deps, coupon, customer, code);
  const partition = partitionOf(coupon);
  const reply = await runScript(deps.redis, 'releaseGrab', pieceKeys(coupon), [
    ...deadlineAndLimit(deps),
    String(IDEMPOTENCY_TTL_SECONDS),
    String(CHANGES_LIMIT),
    idempotencyKey,
    customer,
    code,
  ]);
  const [status, detail] = replySchema.parse(reply);
  switch (status) {
    case 'released':
      await publishDecision(deps, partition, detail);
      return 'released';
    case 'repeated':
      await publishUnreadChange(deps, coupon, detail);
      return 'released';
    case 'refused':
      return detail;
    default:
      return failOn(deps, status);
  }
}

/** MySQL cannot apply a release without the grab of the piece, whose reply may have been lost. */
async function publishGrabs(deps: DecisionDeps, coupon: CouponName, customer: string, code: string): Promise<void> {
  const held = readPieces(await deps.redis.hget(keys.holders(coupon), customer));
  const codes = held.map((piece) => piece.code ?? '').filter((own) => code === '' || own === code);
  await Promise.all(codes.map((own) => publishUnreadGrab(deps, coupon, customer, own)));
}

/** The keys of the scripts about one piece. */
export function pieceKeys(coupon: CouponName): string[] {
  const partition = partitionOf(coupon);
  return [
    keys.fence(partition),
    keys.coupon(coupon),
    keys.outbox(partition),
    keys.answers(coupon),
    keys.requests(coupon),
    keys.unloggedChanges(coupon),
    keys.unloggedPieces(coupon),
    keys.holders(coupon),
    keys.redemptions(coupon),
  ];
}
