import { v7 as uuidv7 } from 'uuid';
import { z } from 'zod';
import type { Claims } from '../http/auth.ts';
import { keys, partitionOf } from '../infra/keys.ts';
import { runScript } from '../infra/scripts.ts';
import {
  type DecisionDeps,
  openDecision,
  publishDecided,
  rawEntrySchema,
  undecided,
  undecidedSchema,
} from './decision.ts';

export interface CreateCoupon {
  seller: string;
  name: string;
  /** Pieces, from 1. */
  amount: number;
  /** Face value, from 0. */
  stock: number;
  description: string;
}

const replySchema = z.union([
  z.tuple([z.literal('created'), rawEntrySchema]),
  z.tuple([z.literal('duplicate')]),
  undecidedSchema,
]);

/** Why this user may not create coupons for that seller; undefined when they may. */
export function refuseCreator(by: Pick<Claims, 'sub' | 'kind'>, seller: string) {
  if (by.kind !== 'seller') return 'not-a-seller';
  return by.sub === seller ? undefined : 'other-seller';
}

/** Puts a coupon up. `by` is whose token it is. */
export async function createCoupon(
  deps: DecisionDeps,
  by: Pick<Claims, 'sub' | 'kind'>,
  { seller, name, amount, stock, description }: CreateCoupon,
): Promise<'created' | 'not-a-seller' | 'other-seller' | 'duplicate-coupon'> {
  const refusal = refuseCreator(by, seller);
  if (refusal !== undefined) return refusal;

  const decision = openDecision(deps);
  const partition = partitionOf({ seller, name });
  const reply = await runScript(
    deps.redis,
    'createCoupon',
    [keys.fence(partition), keys.coupon({ seller, name }), keys.outbox(partition)],
    [...decision, uuidv7(), seller, name, String(amount), String(stock), description],
  );
  const [status, entry] = replySchema.parse(reply);
  switch (status) {
    case 'created':
      await publishDecided(deps, partition, entry);
      return 'created';
    case 'duplicate':
      return 'duplicate-coupon';
    default:
      return undecided(deps, status);
  }
}
