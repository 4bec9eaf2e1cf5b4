import { randomBytes } from 'node:crypto';
import type { Redis } from 'ioredis';
import { keys } from '../../infra/keys.ts';
import type { Passwords } from '../../infra/passwords/passwords.ts';
import type { Revocations } from '../../infra/revocations/revocations.ts';
import type { Mysql } from '../../infra/stores/mysql.ts';

/**
 * Ends an account: a password that is thrown away replaces its own, all its tokens are revoked on every process, and the addresses of its
 * log-ins are forgotten. The name stays in the table, so that no other person can register it and get the coupons. Can be repeated.
 */
export async function eraseAccount(
  deps: { mysql: Mysql; redis: Redis; passwords: Passwords; revocations: Revocations },
  username: string,
): Promise<'erased' | 'no-such-account'> {
  const { mysql, redis, passwords, revocations } = deps;
  const user = await mysql('users').select('id').where({ username }).first();
  if (user === undefined) return 'no-such-account';
  const password_hash = await passwords.hash(randomBytes(32).toString('base64url'), 'operator');
  // The password first: a log-in that has compared the old one before has issued its token before the revocation.
  await mysql('users').where({ id: user.id }).update({ password_hash });
  await revocations.revokeUser(username);
  await redis.del(keys.knownAddresses(username));
  return 'erased';
}
