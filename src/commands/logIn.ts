import type { Redis } from 'ioredis';
import type { Auth, Kind } from '../http/auth.ts';
import { keys } from '../infra/keys.ts';
import type { Passwords } from '../infra/passwords.ts';
import type { Mysql } from '../infra/stores/mysql.ts';
import type { Log } from '../infra/telemetry/log.ts';

export type LogInResult = 'wrong-credentials' | { token: string; kind: Kind };

/** Hands out a token for the right password. An unknown name and a wrong password look alike, in time as well. */
export async function logIn(
  deps: { mysql: Mysql; redis: Redis; passwords: Passwords; auth: Auth; log: Log },
  { username, password }: { username: string; password: string },
): Promise<LogInResult> {
  const user = await deps.mysql('users').select('kind', 'password_hash').where({ username }).first();
  if (!(await deps.passwords.matches(user?.password_hash, password))) return 'wrong-credentials';
  const kind: Kind = user.kind;
  // Mends the view of a user whose registration was cut off between the two stores; the log-in doesn't depend on it.
  await deps.redis.set(keys.userView(username), kind).catch((err) => deps.log.warn({ err }, 'user view not written'));
  return { token: deps.auth.issueToken(username, kind), kind };
}
