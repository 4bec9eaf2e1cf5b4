import { z } from 'zod';
import type { Claims } from '../auth.ts';
import { keys, partitionOf } from '../infra/keys.ts';
import { runScript } from '../infra/scripts.ts';
import { type DecisionDeps, publishDecided, rawEntrySchema } from './decision.ts';

const outcomeSchema = z.enum(['grabbed', 'already-grabbed', 'sold-out', 'no-such-coupon']);
export type GrabOutcome = z.infer<typeof outcomeSchema>;

const replySchema = z.union([
  z.tuple([z.literal('decided'), z.array(outcomeSchema)]),
  z.tuple([z.literal('decided'), z.array(outcomeSchema), rawEntrySchema]),
  z.tuple([z.literal('fenced')]),
]);

/** The customer whose token it is takes one piece. When this throws, the outcome is unknown: it is never told as a refusal. */
export async function grabCoupon(
  deps: DecisionDeps,
  by: Pick<Claims, 'sub' | 'kind'>,
  coupon: { seller: string; name: string },
): Promise<GrabOutcome | 'not-a-customer'> {
  if (by.kind !== 'customer') return 'not-a-customer';
  const [outcome] = await decideGrabs(deps, coupon, [by.sub]);
  if (outcome === undefined) throw new Error('the script decided nothing');
  return outcome;
}

/** One script call for customers of one coupon, in the order they came; the outcomes stand in the same order. */
export async function decideGrabs(
  deps: DecisionDeps,
  { seller, name }: { seller: string; name: string },
  customers: string[],
): Promise<GrabOutcome[]> {
  deps.gate.mustBeOpen();
  const partition = partitionOf(seller, name);
  const reply = await runScript(
    deps.redis,
    'grabCoupon',
    [keys.fence(partition), keys.coupon(seller, name), keys.holders(seller, name), keys.outbox(partition)],
    customers,
  );
  const [status, outcomes, entry] = replySchema.parse(reply);
  switch (status) {
    case 'decided':
      if (entry !== undefined) await publishDecided(deps, partition, entry);
      return outcomes;
    case 'fenced':
      return deps.fence.fenced();
    default:
      return status satisfies never;
  }
}
