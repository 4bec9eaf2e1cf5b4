import type { Redis } from 'ioredis';
import type { Gate } from '../infra/gate.ts';
import { keys } from '../infra/keys.ts';
import type { Passwords } from '../infra/passwords.ts';
import type { Mysql } from '../infra/stores/mysql.ts';
import { isDuplicate } from '../infra/stores/mysqlErrors.ts';
import type { Kind } from '../infra/tokens.ts';

export interface RegisterUser {
  username: string;
  password: string;
  kind: Kind;
}

/** Adds a user to MySQL, the system of record for identity, and then to the view that queries read. */
export async function registerUser(
  deps: { mysql: Mysql; redis: Redis; passwords: Passwords; gate: Gate },
  { username, password, kind }: RegisterUser,
): Promise<'registered' | 'username-taken'> {
  deps.gate.mustBeOpen();
  const passwordHash = await deps.passwords.hash(password);
  try {
    await deps.mysql('users').insert({ username, kind, password_hash: passwordHash });
  } catch (error) {
    if (isDuplicate(error)) return 'username-taken';
    throw error;
  }
  // If the process dies here, the view lacks the user until the next log-in or reconcile adds it.
  await deps.redis.set(keys.userView(username), kind);
  return 'registered';
}
