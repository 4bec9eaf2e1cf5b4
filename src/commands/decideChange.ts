import { z } from 'zod';
import { type CouponName, keys, partitionOf } from '../infra/keys.ts';
import { runScript, type ScriptName } from '../infra/scripts.ts';
import type { User } from '../infra/tokens.ts';
import { type ClaimRefusal, describeRequest, refuseByKey } from './claimIdempotencyKey.ts';
import {
  CHANGES_LIMIT,
  type DecisionDeps,
  deadlineAndLimit,
  failOn,
  IDEMPOTENCY_TTL_SECONDS,
  obstacleReplySchema,
  publishDecision,
  rawEntrySchema,
} from './decision.ts';
import { publishUnreadChange } from './unreadDecisions.ts';

// The steps that all commands about an existing coupon share, but the grab: key, script call, publishing of the event.

export interface Change<Refusal extends string> {
  script: ScriptName;
  coupon: CouponName;
  /** The user whose idempotency key it is. */
  by: User;
  /** The arrival of the command in milliseconds of performance.now(), from which its deadline counts. */
  arrivedAt: number;
  /** An empty string means no key. */
  idempotencyKey: string;
  /** What the request says beside the coupon: another request with the same key is recognised by it. */
  content: object;
  /** The keys that the script needs beside those of every change. */
  moreKeys?: readonly string[];
  /** The arguments that the script needs beside those of every change. */
  args: readonly string[];
  /** The refusals that the script may decide. */
  refusals: readonly Refusal[];
}

export type Decided<Refusal extends string> =
  /** `at`: the time of the decision in microseconds since 1970 on the clock of Redis. A repeated request gets that of the first one. */
  | { refusal: undefined; at: number }
  /** `at`: since when the reason holds, where the script says so. */
  | { refusal: Refusal; at?: number }
  | { refusal: ClaimRefusal };

const replySchema = z.union([
  z.tuple([z.literal('done'), z.string(), rawEntrySchema]),
  z.tuple([z.literal('repeated'), z.string()]),
  z.tuple([z.literal('refused'), z.string()]).rest(z.string()),
  obstacleReplySchema,
]);

/** Lets the script of a change decide. Throws when the outcome is unknown or nothing was decided. */
export async function decideChange<Refusal extends string>(
  deps: DecisionDeps,
  { script, coupon, by, arrivedAt, idempotencyKey, content, moreKeys = [], args, refusals }: Change<Refusal>,
): Promise<Decided<Refusal>> {
  const request = describeRequest(script, coupon, content);
  const refusal = await refuseByKey(deps, by, idempotencyKey, request);
  if (refusal !== undefined) return { refusal };

  const partition = partitionOf(coupon);
  const confirmed = () => deps.shardOf(partition).replicas.confirm();
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
      ...moreKeys,
    ],
    [
      ...deadlineAndLimit(deps, partition, arrivedAt),
      String(IDEMPOTENCY_TTL_SECONDS),
      String(CHANGES_LIMIT),
      idempotencyKey,
      ...args,
    ],
  );
  const decided = replySchema.parse(reply);
  switch (decided[0]) {
    case 'done':
      await publishDecision(deps, partition, decided[2]);
      await confirmed();
      return { refusal: undefined, at: Number(decided[1]) };
    case 'repeated':
      await publishUnreadChange(deps, coupon, decided[1]);
      await confirmed();
      return { refusal: undefined, at: Number(decided[1]) };
    case 'refused': {
      const [, reason, at] = decided;
      const refusal = refusals.find((one) => one === reason);
      if (refusal === undefined) throw new Error(`the script ${script} decided an unknown refusal: ${reason}`);
      return at === undefined ? { refusal } : { refusal, at: Number(at) };
    }
    default:
      return failOn(deps, partition, decided[0]);
  }
}
