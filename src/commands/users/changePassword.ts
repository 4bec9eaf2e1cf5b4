import type { AttemptLimits, Limited } from '../../infra/limits/attemptLimits.ts';
import type { Passwords } from '../../infra/passwords.ts';
import type { Revocations } from '../../infra/revocations.ts';
import type { Mysql } from '../../infra/stores/mysql.ts';

export interface ChangePassword {
  username: string;
  password: string;
  newPassword: string;
  /** The address of the client. */
  address: string;
}

/**
 * Replaces the password of a user who knows the old one, and revokes all tokens of the user on every process. Wrong passwords count as
 * failed log-ins: otherwise a stolen token would be a way to guess without limits.
 */
export async function changePassword(
  deps: { mysql: Mysql; passwords: Passwords; attemptLimits: AttemptLimits; revocations: Revocations },
  { username, password, newPassword, address }: ChangePassword,
): Promise<'changed' | 'wrong-password' | Limited> {
  const { mysql, passwords, attemptLimits, revocations } = deps;
  const attempt = await attemptLimits.logIn(username, address);
  if (attempt.type === 'limited') return attempt;
  const replace = async () => {
    const user = await mysql('users').select('password_hash').where({ username }).first();
    if ((await passwords.matches(user?.password_hash, password)) === false) return false;
    const password_hash = await passwords.hash(newPassword);
    // Of two changes at once, the later one no longer knows the password.
    const changed = await mysql('users')
      .where({ username, password_hash: user.password_hash })
      .update({ password_hash });
    return changed === 1;
  };
  const isReplaced = await replace().catch(async (error) => {
    await attempt.withdraw();
    throw error;
  });
  if (!isReplaced) return 'wrong-password';
  await attempt.succeeded();
  await revocations.revokeUser(username);
  return 'changed';
}
