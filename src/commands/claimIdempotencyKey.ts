import { hash } from 'node:crypto';
import { z } from 'zod';
import { type CouponName, couponPath, keys } from '../infra/keys.ts';
import { runScript } from '../infra/scripts.ts';
import { type DecisionDeps, IDEMPOTENCY_TTL_SECONDS } from './decision.ts';

/** A text that is the same for requests with the same content: a command, its coupon and a hash of all else. */
export const describeRequest = (command: string, coupon: CouponName, content: object) =>
  `${command} ${couponPath(coupon)} ${hash('sha256', JSON.stringify(content), 'base64url')}`;

const claimSchema = z.tuple([z.enum(['claimed', 'taken'])]);

/**
 * Binds a user's idempotency key to the first request that uses it. False when the key belongs to another request. `request` says all
 * that distinguishes requests: of a grab it is the coupon. This needs its own script call, because the key and the coupon rarely share a
 * partition.
 */
export async function claimIdempotencyKey(
  { gate, redis }: Pick<DecisionDeps, 'gate' | 'redis'>,
  user: string,
  idempotencyKey: string,
  request: string,
): Promise<boolean> {
  if (idempotencyKey === '') return true;
  gate.mustBeOpen();
  const claim = keys.idempotencyClaim(user, idempotencyKey);
  const args = [request, String(IDEMPOTENCY_TTL_SECONDS)];
  const [status] = claimSchema.parse(await runScript(redis, 'claimIdempotencyKey', [claim], args));
  return status === 'claimed';
}
