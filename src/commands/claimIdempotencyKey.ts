import { hash } from 'node:crypto';
import { z } from 'zod';
import { type CouponName, couponPath, keyName, keys } from '../infra/keys.ts';
import { runScript } from '../infra/scripts.ts';
import type { User } from '../infra/tokens.ts';
import { type DecisionDeps, IDEMPOTENCY_TTL_SECONDS } from './decision.ts';

/** A used claim is renewed once an hour and not at every use: it lasts 24 hours from its last use at least. */
const CLAIM_SECONDS = IDEMPOTENCY_TTL_SECONDS + 3_600;

/** A text that is the same for requests with the same content: a command, its coupon and a hash of all else. */
export const describeRequest = (command: string, coupon: CouponName, content: object) =>
  `${command} ${couponPath(coupon)} ${hash('sha256', JSON.stringify(content), 'base64url')}`;

const claimSchema = z.tuple([z.enum(['claimed', 'taken', 'too-many'])]);

/**
 * Binds a user's idempotency key to the first request that uses it. 'taken': the key belongs to another request. 'too-many': the user has
 * used too many new keys, and nothing was decided. `request` says all that distinguishes requests: of a grab it is the coupon. This needs
 * its own script call, because the key and the coupon rarely share a partition.
 */
export async function claimIdempotencyKey(
  { gate, redis, quotas, olderClaims }: Pick<DecisionDeps, 'gate' | 'redis' | 'quotas' | 'olderClaims'>,
  { sub, kind }: User,
  idempotencyKey: string,
  request: string,
): Promise<'claimed' | 'taken' | 'too-many'> {
  if (idempotencyKey === '') return 'claimed';
  gate.mustBeOpen();
  if (olderClaims.mayExist() && keyName(sub) === sub) {
    const older = await redis.get(keys.olderIdempotencyClaim(sub, idempotencyKey));
    if (older !== null && older !== request) return 'taken';
  }
  const [status] = claimSchema.parse(
    await runScript(
      redis,
      'claimIdempotencyKey',
      [keys.idempotencyClaim(sub, idempotencyKey), keys.idempotencyCounts(sub)],
      [request, String(CLAIM_SECONDS), String(IDEMPOTENCY_TTL_SECONDS * 1_000), String(quotas.keys[kind])],
    ),
  );
  return status;
}

const refusals = { claimed: undefined, taken: 'key-of-another-request', 'too-many': 'too-many-keys' } as const;
export type ClaimRefusal = 'key-of-another-request' | 'too-many-keys';

/** The same for every command but the grab: why the request is refused; undefined when it is not. */
export const refuseByKey = async (...args: Parameters<typeof claimIdempotencyKey>): Promise<ClaimRefusal | undefined> =>
  refusals[await claimIdempotencyKey(...args)];
