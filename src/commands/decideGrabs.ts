import { z } from 'zod';
import { type CouponName, keys, partitionOf } from '../infra/keys.ts';
import { runScript } from '../infra/scripts.ts';
import {
  type DecisionDeps,
  deadlineAndLimit,
  failOn,
  obstacleReplySchema,
  publishDecision,
  rawEntrySchema,
} from './decision.ts';

/** How long an idempotency key stays bound to its coupon, and how long a refusal is stored for it. A win keeps its key for ever. */
export const IDEMPOTENCY_TTL_SECONDS = 86_400;

export const outcomeSchema = z.enum(['grabbed', 'already-grabbed', 'sold-out', 'no-such-coupon']);
export type GrabOutcome = z.infer<typeof outcomeSchema>;

const replySchema = z.union([
  z.tuple([z.literal('decided'), z.array(outcomeSchema), rawEntrySchema.optional()]),
  obstacleReplySchema,
]);

export interface GrabRequest {
  customer: string;
  /** An empty string means no key. */
  idempotencyKey: string;
}

/**
 * Decides many grabs of one coupon with one script call, in the order of their arrival. The outcomes have the same order. `since` is
 * the arrival of the first grab in milliseconds of performance.now(). Throws when the outcome is unknown or nothing was decided.
 */
export async function decideGrabs(
  deps: DecisionDeps,
  coupon: CouponName,
  grabs: readonly GrabRequest[],
  since = performance.now(),
): Promise<GrabOutcome[]> {
  const begin = deadlineAndLimit(deps, since);
  const partition = partitionOf(coupon);
  const call = runScript(
    deps.redis,
    'grabCoupon',
    [keys.fence(partition), keys.coupon(coupon), keys.holders(coupon), keys.outbox(partition), keys.answers(coupon)],
    [
      ...begin,
      String(IDEMPOTENCY_TTL_SECONDS),
      ...grabs.flatMap(({ customer, idempotencyKey }) => [customer, idempotencyKey]),
    ],
  );
  const reply = await deps.watch.grabScript(coupon, grabs, call);
  const [status, outcomes, entry] = replySchema.parse(reply);
  if (status !== 'decided') return failOn(deps, status);
  if (entry !== undefined) await publishDecision(deps, partition, entry);
  return outcomes;
}
