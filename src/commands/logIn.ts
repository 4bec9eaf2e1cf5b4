import type { Redis } from 'ioredis';
import { keys } from '../infra/keys.ts';
import type { Passwords } from '../infra/passwords.ts';
import type { Mysql } from '../infra/stores/mysql.ts';
import type { Log } from '../infra/telemetry/log.ts';
import type { Kind, Tokens } from '../infra/tokens.ts';

export type LogInResult = 'wrong-credentials' | { token: string; kind: Kind };

/** Issues a token for the right password. An unknown name and a wrong password get the same answer in the same time. */
export async function logIn(
  deps: { mysql: Mysql; redis: Redis; passwords: Passwords; tokens: Tokens; log: Log },
  { username, password }: { username: string; password: string },
): Promise<LogInResult> {
  const user = await deps.mysql('users').select('kind', 'password_hash').where({ username }).first();
  const match = await deps.passwords.matches(user?.password_hash, password);
  if (match === false) return 'wrong-credentials';
  if (match === 'raw') await renewHash(deps, { username, password, oldHash: user.password_hash });
  const kind: Kind = user.kind;
  // Mends the view of a user whose registration was cut off between the two stores. The log-in does not depend on it.
  await deps.redis
    .set(keys.userView(username), kind)
    .catch((err) => deps.log.warn({ err }, 'writing the view of a user failed'));
  return { token: deps.tokens.issue(username, kind), kind };
}

/** From now on the password is accepted in each of its Unicode forms. The log-in does not depend on it: the old hash stays valid. */
async function renewHash(
  { mysql, passwords, log }: { mysql: Mysql; passwords: Passwords; log: Log },
  { username, password, oldHash }: { username: string; password: string; oldHash: string },
): Promise<void> {
  try {
    const password_hash = await passwords.hash(password);
    await mysql('users').where({ username, password_hash: oldHash }).update({ password_hash });
  } catch (err) {
    log.warn({ err }, 'renewing a password hash failed; the next log-in tries again');
  }
}
