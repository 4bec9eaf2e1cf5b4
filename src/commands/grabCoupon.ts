import { z } from 'zod';
import type { Claims } from '../auth.ts';
import { couponPath, keys, partitionOf } from '../infra/keys.ts';
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
const IDEMPOTENCY_TTL_SECONDS = 86_400;

const outcomeSchema = z.enum(['grabbed', 'already-grabbed', 'sold-out', 'no-such-coupon']);
export type GrabOutcome = z.infer<typeof outcomeSchema>;

export interface GrabCoupon {
  seller: string;
  name: string;
  /** 1 to 64 characters; empty is none. */
  idempotencyKey?: string;
}

const replySchema = z.union([
  z.tuple([z.literal('decided'), z.array(outcomeSchema)]),
  z.tuple([z.literal('decided'), z.array(outcomeSchema), rawEntrySchema]),
  undecidedSchema,
]);
const claimSchema = z.tuple([z.enum(['claimed', 'taken'])]);

/** The customer whose token it is takes one piece. When this throws, the outcome is unknown: it is never told as a refusal. */
export async function grabCoupon(
  deps: DecisionDeps,
  by: Pick<Claims, 'sub' | 'kind'>,
  { idempotencyKey = '', ...coupon }: GrabCoupon,
): Promise<GrabOutcome | 'not-a-customer' | 'key-of-another-coupon'> {
  if (by.kind !== 'customer') return 'not-a-customer';
  if (idempotencyKey !== '' && !(await claimKey(deps, by.sub, idempotencyKey, coupon))) return 'key-of-another-coupon';
  const [outcome] = await decideGrabs(deps, coupon, [{ customer: by.sub, idempotencyKey }]);
  if (outcome === undefined) throw new Error('the script decided nothing');
  return outcome;
}

/** One script call for customers of one coupon, in the order they came; the outcomes stand in the same order. */
export async function decideGrabs(
  deps: DecisionDeps,
  { seller, name }: { seller: string; name: string },
  asked: { customer: string; idempotencyKey: string }[],
): Promise<GrabOutcome[]> {
  const decision = openDecision(deps);
  const partition = partitionOf(seller, name);
  const reply = await runScript(
    deps.redis,
    'grabCoupon',
    [
      keys.fence(partition),
      keys.coupon(seller, name),
      keys.holders(seller, name),
      keys.outbox(partition),
      keys.answers(seller, name),
    ],
    [
      ...decision,
      String(IDEMPOTENCY_TTL_SECONDS),
      ...asked.flatMap(({ customer, idempotencyKey }) => [customer, idempotencyKey]),
    ],
  );
  const [status, outcomes, entry] = replySchema.parse(reply);
  if (status !== 'decided') return undecided(deps, status);
  if (entry !== undefined) await publishDecided(deps, partition, entry);
  return outcomes;
}

/** False when the customer's key belongs to another coupon. A step of its own: two coupons rarely share a partition. */
async function claimKey(
  { gate, redis }: DecisionDeps,
  customer: string,
  idempotencyKey: string,
  { seller, name }: { seller: string; name: string },
): Promise<boolean> {
  gate.mustBeOpen();
  const claim = keys.idempotencyClaim(customer, idempotencyKey);
  const args = [couponPath(seller, name), String(IDEMPOTENCY_TTL_SECONDS)];
  const [status] = claimSchema.parse(await runScript(redis, 'claimIdempotencyKey', [claim], args));
  return status === 'claimed';
}
