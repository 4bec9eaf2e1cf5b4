import { z } from 'zod';
import { newCode } from '../coupon/code.ts';
import { grabOutcomes } from '../coupon/grabOutcomes.ts';
import { type CouponName, keys, partitionOf } from '../infra/keys.ts';
import { runScript } from '../infra/scripts.ts';
import {
  type DecisionDeps,
  deadlineAndLimit,
  failOn,
  IDEMPOTENCY_TTL_SECONDS,
  obstacleReplySchema,
  publishDecision,
  rawEntrySchema,
} from './decision.ts';

export const outcomeSchema = z.enum(grabOutcomes);
export type GrabOutcome = z.infer<typeof outcomeSchema>;

export type GrabResult =
  /** `code` is an empty string for a repeated win of the first releases, which had no codes. */
  | {
      outcome: 'grabbed';
      code: string /** Whether an earlier request with the same key has won the piece. */;
      isRepeated: boolean;
    }
  /** `startsAt`: microseconds since 1970 on the clock of Redis. */
  | { outcome: 'not-started'; startsAt: number }
  | { outcome: Exclude<GrabOutcome, 'grabbed' | 'not-started'> };

const decidedSchema = z.tuple([
  z.literal('decided'),
  z.string(),
  rawEntrySchema.nullable(),
  z.array(z.union([z.number(), z.string()])),
  z.string().nullable(),
]);
const replySchema = z.union([decidedSchema, z.tuple([z.literal('code-taken')]), obstacleReplySchema]);

export interface GrabRequest {
  customer: string;
  /** An empty string means no key. */
  idempotencyKey: string;
}

/**
 * Decides many grabs of one coupon with one script call, in the order of their arrival. The results have the same order. `since` is
 * the arrival of the first grab in milliseconds of performance.now(). Throws when the outcome is unknown or nothing was decided.
 */
export async function decideGrabs(
  deps: DecisionDeps,
  coupon: CouponName,
  grabs: readonly GrabRequest[],
  since = performance.now(),
): Promise<GrabResult[]> {
  const begin = deadlineAndLimit(deps, since);
  const partition = partitionOf(coupon);
  const codes = grabs.map(() => newCode(partition));
  // Few long arguments instead of three for each grab: most of the cost of a round is the cost of its arguments.
  const hasKey = grabs.some(({ idempotencyKey }) => idempotencyKey !== '');
  const customers = JSON.stringify(grabs.map(({ customer }) => customer));
  const idempotencyKeys = hasKey ? JSON.stringify(grabs.map(({ idempotencyKey }) => idempotencyKey)) : '';
  const call = runScript(
    deps.redis,
    'grabCoupon',
    [
      keys.fence(partition),
      keys.coupon(coupon),
      keys.holders(coupon),
      keys.outbox(partition),
      keys.answers(coupon),
      keys.codes(partition),
      keys.requests(coupon),
      keys.unloggedChanges(coupon),
    ],
    [...begin, String(IDEMPOTENCY_TTL_SECONDS), customers, idempotencyKeys, codes.join('')],
  );
  const reply = replySchema.parse(await deps.watch.grabScript(coupon, grabs, call));
  // One in some thousand million codes exists already: other codes are made.
  if (reply[0] === 'code-taken') return decideGrabs(deps, coupon, grabs, since);
  if (reply[0] !== 'decided') return failOn(deps, reply[0]);
  const [, outcomes, entry, repeated, startsAt] = reply;
  if (entry !== null) await publishDecision(deps, partition, entry);
  const all = outcomes.split(',');
  if (all.length !== grabs.length) throw new Error('the script did not decide every grab');
  const results = all.map((outcome, place) => resultOf(outcome, codes[place] ?? '', startsAt));
  // The place of a repeated win is counted from 1.
  for (let i = 0; i < repeated.length; i += 2)
    results[Number(repeated[i]) - 1] = { outcome: 'grabbed', code: String(repeated[i + 1]), isRepeated: true };
  return results;
}

/** Refusals are shared objects: under a flood, nearly every grab is refused. */
const refusals = new Map<string, GrabResult>(
  outcomeSchema.exclude(['grabbed', 'not-started']).options.map((outcome) => [outcome, { outcome }]),
);

function resultOf(outcome: string, code: string, startsAt: string | null): GrabResult {
  if (outcome === 'grabbed') return { outcome, code, isRepeated: false };
  if (outcome === 'not-started') return { outcome, startsAt: Number(startsAt) };
  const refusal = refusals.get(outcome);
  if (refusal === undefined) throw new Error(`the script decided an unknown outcome: ${outcome}`);
  return refusal;
}
