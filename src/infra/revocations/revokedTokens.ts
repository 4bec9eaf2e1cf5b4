import { hash } from 'node:crypto';
import type { Claims } from '../tokens.ts';

/**
 * Where the id of a token stands, `user:DIGEST:SECOND` revokes all tokens that were issued to the user before this second. It is a digest
 * because a username may be longer than the column.
 */
const USER_ENTRY = /^user:([\w-]{43}):(\d+)$/;
const digest = (username: string) => hash('sha256', username, 'base64url');

export const userEntry = (username: string, second: number) => `user:${digest(username)}:${second}`;

export interface RevokedTokens {
  /** Where a token that is remembered already is remembered again, nothing changes. `exp` in seconds since 1970. */
  remember(jti: string, exp: number): void;
  has(token: Pick<Claims, 'sub' | 'jti' | 'exp' | 'keySet'>): boolean;
}

/** The revoked tokens that have not expired, in the memory of this process. */
export function createRevokedTokens(tokenTtlSeconds: number): RevokedTokens {
  const revoked = new Map<string, number>();
  /** By the digest of a user, the second from which on tokens of this user are valid. */
  const validFrom = new Map<string, number>();
  const forgetExpired = () => {
    const now = Date.now() / 1_000;
    // Insertion order is close to the order of expiry, so the expired tokens are at the front.
    for (const [old, expiry] of revoked) {
      if (expiry > now) break;
      revoked.delete(old);
      const [, user = '', second] = USER_ENTRY.exec(old) ?? [];
      if (validFrom.get(user) === Number(second)) validFrom.delete(user);
    }
  };
  // The digest is only computed while the tokens of some user are revoked. The issue of a token follows from its expiry.
  const isOfRevokedUser = (sub: string, exp: number) =>
    validFrom.size > 0 && exp - tokenTtlSeconds < (validFrom.get(digest(sub)) ?? 0);
  return {
    remember(jti, exp) {
      if (revoked.has(jti)) return;
      forgetExpired();
      revoked.set(jti, exp);
      const [, user, second] = USER_ENTRY.exec(jti) ?? [];
      if (user !== undefined) validFrom.set(user, Math.max(Number(second), validFrom.get(user) ?? 0));
    },
    // The change of a password concerns tokens of this server only.
    has: ({ sub, jti, exp, keySet }) => revoked.has(jti) || (keySet === undefined && isOfRevokedUser(sub, exp)),
  };
}
