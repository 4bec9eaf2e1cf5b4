import { z } from 'zod';
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
import { publishUnreadChange } from '../unreadDecisions.ts';

// The steps that the commands of a coupon's seller share: restock, pause, resume, close, change of terms.

export interface CouponChange extends CouponName {
  /** 1 to 64 characters; absent or empty means no key. */
  idempotencyKey?: string | undefined;
}

const refusalSchema = z.enum(['no-such-coupon', 'paused', 'not-paused', 'closed', 'too-many-pieces', 'empty-window']);
export type ChangeResult = 'changed' | z.infer<typeof refusalSchema> | 'not-the-owner' | 'key-of-another-request';

const replySchema = z.union([
  z.tuple([z.literal('changed'), rawEntrySchema]),
  z.tuple([z.literal('repeated'), z.string()]),
  z.tuple([z.literal('refused'), refusalSchema]),
  obstacleReplySchema,
]);

export const isOwner = (by: User, seller: string) => by.kind === 'seller' && by.sub === seller;

/**
 * Lets the script of a change decide. `content` and `args` say what the command says beside the coupon. Throws when the outcome is
 * unknown or nothing was decided.
 */
export async function changeCoupon(
  deps: DecisionDeps,
  by: User,
  { idempotencyKey = '', ...coupon }: CouponChange,
  script: 'restockCoupon' | 'pauseCoupon' | 'resumeCoupon' | 'closeCoupon' | 'changeTerms',
  content: object = {},
  args: readonly string[] = [],
): Promise<ChangeResult> {
  if (!isOwner(by, coupon.seller)) return 'not-the-owner';
  const request = describeRequest(script, coupon, content);
  if (!(await claimIdempotencyKey(deps, by.sub, idempotencyKey, request))) return 'key-of-another-request';

  const partition = partitionOf(coupon);
  const reply = await runScript(
    deps.redis,
    script,
    [
      keys.fence(partition),
      keys.coupon(coupon),
      keys.outbox(partition),
      keys.answers(coupon),
      keys.requests(coupon),
      keys.unloggedChanges(coupon),
    ],
    [...deadlineAndLimit(deps), String(IDEMPOTENCY_TTL_SECONDS), String(CHANGES_LIMIT), idempotencyKey, ...args],
  );
  const [status, detail] = replySchema.parse(reply);
  switch (status) {
    case 'changed':
      await publishDecision(deps, partition, detail);
      return 'changed';
    case 'repeated':
      await publishUnreadChange(deps, coupon, detail);
      return 'changed';
    case 'refused':
      return detail;
    default:
      return failOn(deps, status);
  }
}
