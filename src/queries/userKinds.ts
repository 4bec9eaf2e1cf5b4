import type { Redis } from 'ioredis';
import { createLRU } from 'lru.min';
import { canBeUser } from '../coupon/names.ts';
import type { Gate } from '../infra/gate.ts';
import { keys } from '../infra/keys.ts';
import type { Log } from '../infra/telemetry/log.ts';
import type { Kind } from '../infra/tokens.ts';

/** Limits the memory to about 2 MB. */
const MAX_REMEMBERED = 10_000;

export interface UserKinds {
  /** The kind of this user; null when no such user is registered. */
  of(username: string): Promise<Kind | null>;
  /** Notes a seller of the identity provider, who is registered nowhere else. Called at each request of the seller. */
  noteSeller(username: string): void;
}

/**
 * Remembers the kinds of users, since a user is never deleted and a seller remains one. After the gate was shut, Redis may have been
 * replaced, so they are read again.
 */
export function createUserKinds({ redis, gate, log }: { redis: Redis; gate: Gate; log: Log }): UserKinds {
  const remembered = createLRU<string, { kind: Kind; shuts: number }>({ max: MAX_REMEMBERED });
  return {
    async of(username) {
      const known = remembered.get(username);
      const shuts = gate.shuts();
      if (known?.shuts === shuts) return known.kind;
      if (!canBeUser(username)) return null;
      const kind = (await redis.get(keys.userView(username))) as Kind | null;
      if (kind !== null) remembered.set(username, { kind, shuts });
      return kind;
    },
    noteSeller(username) {
      const shuts = gate.shuts();
      if (remembered.get(username)?.shuts === shuts) return;
      remembered.set(username, { kind: 'seller', shuts });
      redis.set(keys.userView(username), 'seller').catch((err) => {
        remembered.delete(username);
        log.warn({ err }, 'noting a seller failed; the next request of the seller tries again');
      });
    },
  };
}
