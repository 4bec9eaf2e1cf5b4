import type { Redis } from 'ioredis';
import type { Gate } from '../../infra/gate.ts';
import { keys } from '../../infra/keys.ts';
import type { AttemptLimits, Limited } from '../../infra/limits/attemptLimits.ts';
import type { Passwords } from '../../infra/passwords/passwords.ts';
import { withLockRetries } from '../../infra/stores/lockRetries.ts';
import type { Mysql } from '../../infra/stores/mysql.ts';
import { isDuplicate } from '../../infra/stores/mysqlErrors.ts';
import type { Kind } from '../../infra/tokens.ts';

export interface RegisterUser {
  username: string;
  password: string;
  kind: Kind;
  /** The address of the client. */
  address: string;
}

/** Adds a user to MySQL, the system of record for identity, and then to the view that queries read. */
export async function registerUser(
  deps: { mysql: Mysql; redis: Redis; passwords: Passwords; attemptLimits: AttemptLimits; gate: Gate },
  { username, password, kind, address }: RegisterUser,
): Promise<'registered' | 'username-taken' | Limited> {
  deps.gate.mustBeOpen();
  const limited = await deps.attemptLimits.register(address);
  if (limited !== undefined) return limited;
  if (await isReserved(deps.mysql, username)) return 'username-taken';
  const passwordHash = await deps.passwords.hash(password, address);
  try {
    await withLockRetries(() =>
      deps.mysql.transaction(async (trx) => {
        const [userId] = await trx('users').insert({ username, kind, password_hash: passwordHash });
        await trx('normalized_usernames').insert({ normalized: username.normalize('NFC'), user_id: userId });
      }),
    );
  } catch (error) {
    if (isDuplicate(error)) return 'username-taken';
    throw error;
  }
  // If the process dies here, the view lacks the user until the next log-in or reconcile adds it.
  await deps.redis.set(keys.userView(username), kind);
  return 'registered';
}

/**
 * Whether a user, a coupon or a grab has this name in any normalization, although no user has exactly this name. After an import
 * without `users`, the log holds names without an account: a customer who could register such a name would get the coupons of its
 * owner. A name that a user has is left to the unique key.
 */
async function isReserved(mysql: Mysql, username: string): Promise<boolean> {
  const forms = [...new Set([username, username.normalize('NFC'), username.normalize('NFD')])];
  const anyForm = `(${forms.map(() => '?').join(', ')})`;
  const [rows] = await mysql.raw(
    `SELECT NOT EXISTS (SELECT 1 FROM users WHERE username = ?) AND (
        EXISTS (SELECT 1 FROM users WHERE username IN ${anyForm})
        OR EXISTS (SELECT 1 FROM coupon_grabs WHERE customer IN ${anyForm})
        OR EXISTS (SELECT 1 FROM coupons WHERE seller IN ${anyForm})) AS reserved`,
    [username, ...forms, ...forms, ...forms],
  );
  return Number(rows[0].reserved) === 1;
}
