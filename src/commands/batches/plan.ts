import { z } from 'zod';
import { eventDataSchemas } from '../../events.ts';
import { keys } from '../../infra/keys.ts';
import type { DecisionDeps } from '../decision.ts';
import { parseBatch } from './batch.ts';

/**
 * All that is needed to create the coupons of a batch, as the plan is stored. A plan with another field was stored by a newer release: it
 * is left to a process of that release, because its coupons would be created without the field.
 */
const planSchema = z.strictObject({
  batch: z.string(),
  coupons: z.array(
    // An empty key means that the request has none.
    eventDataSchemas.CouponCreated.extend({
      id: z.uuid(),
      seller: z.string(),
      name: z.string(),
      idempotencyKey: z.string(),
    }).strict(),
  ),
});
export type Plan = z.infer<typeof planSchema>;

/** Undefined when the batch is finished. */
export async function readPlan({ redis }: Pick<DecisionDeps, 'redis'>, batch: string): Promise<Plan | undefined> {
  const text = await redis.hget(keys.batches(parseBatch(batch).partition), batch);
  return text === null ? undefined : planSchema.parse(JSON.parse(text));
}

export async function deletePlan({ redis }: Pick<DecisionDeps, 'redis'>, batch: string): Promise<void> {
  await redis.hdel(keys.batches(parseBatch(batch).partition), batch);
}
