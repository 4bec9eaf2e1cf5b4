import type { Redis } from 'ioredis';
import { keys } from '../../infra/keys.ts';
import type { AttemptLimits, Limited } from '../../infra/limits/attemptLimits.ts';
import type { Passwords } from '../../infra/passwords/passwords.ts';
import type { Mysql } from '../../infra/stores/mysql.ts';
import type { Log } from '../../infra/telemetry/log.ts';
import type { Kind, Tokens } from '../../infra/tokens.ts';

export type LogInResult = 'wrong-credentials' | Limited | { type: 'logged-in'; token: string; kind: Kind };
interface Credentials {
  username: string;
  password: string;
  /** The address of the client. */
  address: string;
}
type Deps = {
  mysql: Mysql;
  redis: Redis;
  passwords: Passwords;
  attemptLimits: AttemptLimits;
  tokens: Tokens;
  log: Log;
};

/**
 * Issues a token for the right password. An unknown name and a wrong password get the same answer in the same time. An attempt over
 * a limit is refused before the password is hashed.
 */
export async function logIn(deps: Deps, credentials: Credentials): Promise<LogInResult> {
  const { username, address } = credentials;
  // The token is as old as the password that is compared. If the password is changed while this log-in waits for its turn, the change
  // revokes the token.
  const issuedAt = Date.now();
  const attempt = await deps.attemptLimits.logIn(username, address);
  if (attempt.type === 'limited') return attempt;
  // When the line of hashes is full or MySQL is down, the client has guessed nothing.
  const kind = await checkPassword(deps, credentials).catch(async (error) => {
    await attempt.withdraw();
    throw error;
  });
  if (kind === undefined) return 'wrong-credentials';
  await attempt.succeeded();
  // Mends the view of a user whose registration was cut off between the two stores. The log-in does not depend on it.
  await deps.redis
    .set(keys.userView(username), kind)
    .catch((err) => deps.log.warn({ err }, 'writing the view of a user failed'));
  return { type: 'logged-in', token: deps.tokens.issue(username, kind, issuedAt), kind };
}

/** The kind of the user with this name and password; undefined if there is none. */
async function checkPassword(deps: Deps, { username, password, address }: Credentials): Promise<Kind | undefined> {
  const user = await deps.mysql('users').select('kind', 'password_hash').where({ username }).first();
  const match = await deps.passwords.matches(user?.password_hash, password, address);
  if (match === false) return undefined;
  if (match === 'raw') await renewHash(deps, { username, password, address, oldHash: user.password_hash });
  return user.kind;
}

/** From now on the password is accepted in each of its Unicode forms. The log-in does not depend on it: the old hash stays valid. */
async function renewHash(
  { mysql, passwords, log }: { mysql: Mysql; passwords: Passwords; log: Log },
  { username, password, address, oldHash }: Credentials & { oldHash: string },
): Promise<void> {
  try {
    const password_hash = await passwords.hash(password, address);
    await mysql('users').where({ username, password_hash: oldHash }).update({ password_hash });
  } catch (err) {
    log.warn({ err }, 'renewing a password hash failed; the next log-in tries again');
  }
}
