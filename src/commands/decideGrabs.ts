import { z } from 'zod';
import { type CouponName, keys, partitionOf } from '../infra/keys.ts';
import { runScript } from '../infra/scripts.ts';
import {
  type DecisionDeps,
  openDecision,
  publishDecided,
  rawEntrySchema,
  undecided,
  undecidedSchema,
} from './decision.ts';

/** How long an idempotency key is bound to its coupon, and a refusal kept for it. With a win the key is kept for ever. */
export const IDEMPOTENCY_TTL_SECONDS = 86_400;

export const outcomeSchema = z.enum(['grabbed', 'already-grabbed', 'sold-out', 'no-such-coupon']);
export type GrabOutcome = z.infer<typeof outcomeSchema>;

const replySchema = z.union([
  z.tuple([z.literal('decided'), z.array(outcomeSchema), rawEntrySchema.optional()]),
  undecidedSchema,
]);

export interface GrabRequest {
  customer: string;
  /** Empty is none. */
  idempotencyKey: string;
}

/**
 * One script call for customers of one coupon, in the order they came; the outcomes stand in the same order.
 * `since`: when the first of them came, in milliseconds of performance.now(); from then on counts how long they wait.
 */
export async function decideGrabs(
  deps: DecisionDeps,
  coupon: CouponName,
  asked: readonly GrabRequest[],
  since = performance.now(),
): Promise<GrabOutcome[]> {
  const decision = openDecision(deps, since);
  const partition = partitionOf(coupon);
  const call = runScript(
    deps.redis,
    'grabCoupon',
    [keys.fence(partition), keys.coupon(coupon), keys.holders(coupon), keys.outbox(partition), keys.answers(coupon)],
    [
      ...decision,
      String(IDEMPOTENCY_TTL_SECONDS),
      ...asked.flatMap(({ customer, idempotencyKey }) => [customer, idempotencyKey]),
    ],
  );
  const reply = await deps.watch.grabScript(coupon, asked, call);
  const [status, outcomes, entry] = replySchema.parse(reply);
  if (status !== 'decided') return undecided(deps, status);
  if (entry !== undefined) await publishDecided(deps, partition, entry);
  return outcomes;
}
