import type { AttemptLimits, Limited } from '../../infra/limits/attemptLimits.ts';
import type { Passwords } from '../../infra/passwords/passwords.ts';
import type { Revocations } from '../../infra/revocations/revocations.ts';
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
  const hashBoth = async () => {
    const user = await mysql('users').select('password_hash').where({ username }).first();
    if ((await passwords.matches(user?.password_hash, password, address)) === false) return undefined;
    return { old: user.password_hash, fresh: await passwords.hash(newPassword, address) };
  };
  const hashes = await hashBoth().catch(async (error) => {
    await attempt.withdraw();
    throw error;
  });
  if (hashes === undefined) return 'wrong-password';
  await attempt.succeeded();
  // The tokens first. If the update fails, the user logs in again with the old password; in the other order, a stolen token would
  // outlive the change, and the old password would no longer revoke it.
  const revocation = await revocations.revokeUser(username);
  // Of two changes at once, the later one no longer knows the password.
  const changed = await mysql('users')
    .where({ username, password_hash: hashes.old })
    .update({ password_hash: hashes.fresh });
  if (changed !== 1) return 'wrong-password';
  // Until the update, log-ins with the old password succeeded. It may have taken so long that their tokens are newer.
  const covering = revocation.covers(Date.now()) ? revocation : await revocations.revokeUser(username);
  await covering.over();
  return 'changed';
}
