import { hash, randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import { Unavailable } from '../unavailable.ts';
import type { Closer } from './closers.ts';
import type { Gate } from './gate.ts';
import { keys, revocationChannel } from './keys.ts';
import type { Mysql } from './stores/mysql.ts';
import { isDuplicate } from './stores/mysqlErrors.ts';
import { connectRedis } from './stores/redis.ts';
import type { Log } from './telemetry/log.ts';
import type { Claims } from './tokens.ts';

const ACK_LIMIT_MS = 1_000;
/** The clock of the process that issues a token may be ahead of the clock of the process that revokes it by so much. */
const CLOCK_TOLERANCE_SECONDS = 1;
/**
 * Where the id of a token stands, `user:DIGEST:SECOND` revokes all tokens that were issued to the user before this second. It is a digest
 * because a username may be longer than the column.
 */
const USER_ENTRY = /^user:([\w-]{43}):(\d+)$/;
const digest = (username: string) => hash('sha256', username, 'base64url');
const NOT_LOADED = 'the revoked tokens are not loaded yet';

export interface Revocations {
  isRevoked(token: Pick<Claims, 'sub' | 'jti' | 'exp' | 'keySet'>): boolean;
  /** Resolves when every running process refuses the token; a process that starts later will too. `exp` in seconds since 1970. */
  revoke(jti: string, exp: number): Promise<void>;
  /**
   * Resolves when every running process refuses all tokens that were issued to the user before a second that is about to come; a process
   * that starts later will too.
   */
  revokeUser(username: string): Promise<UserRevocation>;
}

export interface UserRevocation {
  /** Whether tokens that any process has issued until this time, in milliseconds, are revoked. */
  covers(time: number): boolean;
  /** Resolves when newly issued tokens of the user are valid. */
  over(): Promise<void>;
}

/**
 * Each process keeps the revoked tokens in memory, so that a request costs no round trip. MySQL stores them; a published message
 * informs the other processes, and each acknowledges it. While a process is not subscribed to the messages, its gate is shut.
 */
export async function openRevocations(deps: {
  redisUrl: string;
  tokenTtlSeconds: number;
  redis: Redis;
  mysql: Mysql;
  gate: Gate;
  log: Log;
}) {
  const { tokenTtlSeconds, redis, mysql, gate, log } = deps;
  const channel = revocationChannel(redis.options.db ?? 0);
  const revoked = new Map<string, number>();
  /** By the digest of a user, the second from which on tokens of this user are valid. */
  const validFrom = new Map<string, number>();
  const remember = (jti: string, exp: number) => {
    const now = Date.now() / 1_000;
    // Insertion order is close to the order of expiry, so the expired tokens are at the front.
    for (const [old, expiry] of revoked) {
      if (expiry > now) break;
      revoked.delete(old);
      const [, user = '', second] = USER_ENTRY.exec(old) ?? [];
      if (validFrom.get(user) === Number(second)) validFrom.delete(user);
    }
    revoked.set(jti, exp);
    const [, user, second] = USER_ENTRY.exec(jti) ?? [];
    if (user !== undefined) validFrom.set(user, Math.max(Number(second), validFrom.get(user) ?? 0));
  };
  // The digest is only computed while the tokens of some user are revoked. The issue of a token follows from its expiry.
  const isOfRevokedUser = (sub: string, exp: number) =>
    validFrom.size > 0 && exp - tokenTtlSeconds < (validFrom.get(digest(sub)) ?? 0);

  const subscriber = connectRedis(deps.redisUrl, log);
  let closed = false;
  subscriber.redis.on('message', (_channel, message) => {
    const [jti = '', exp, announcement = ''] = message.split(' ');
    remember(jti, Number(exp));
    const acks = keys.revocationAcks(announcement);
    redis
      .multi()
      .incr(acks)
      .expire(acks, 10)
      .exec()
      .catch((err) => log.warn({ err }, 'acknowledging a revocation failed; the request that revokes gets 503'));
  });

  // Subscribe first, then load: a token that is revoked in between arrives twice instead of never.
  let connection = 0;
  const catchUp = async () => {
    const caughtUp = connection;
    await subscriber.redis.subscribe(channel);
    const rows = await mysql('revoked_tokens')
      .where('expires_at', '>', Math.floor(Date.now() / 1_000))
      .orderBy('expires_at');
    for (const row of rows) remember(row.jti.toString(), Number(row.expires_at));
    // When the connection is already lost, messages may be missing; the next connection catches up again.
    if (caughtUp === connection) gate.clear(NOT_LOADED);
  };
  const catchUpAgain = async () => {
    while (!closed && subscriber.redis.status === 'ready' && gate.isShutFor(NOT_LOADED)) {
      try {
        await catchUp();
      } catch (err) {
        log.warn({ err }, 'loading the revoked tokens failed; retrying');
        await sleep(500);
      }
    }
  };

  gate.shut(NOT_LOADED);
  subscriber.redis.on('close', () => {
    connection++;
    gate.shut(NOT_LOADED);
  });
  await subscriber.redis.connect();
  await catchUp();
  subscriber.redis.on('ready', catchUpAgain);

  const revocations: Revocations = {
    // The change of a password concerns tokens of this server only.
    isRevoked: ({ sub, jti, exp, keySet }) => revoked.has(jti) || (keySet === undefined && isOfRevokedUser(sub, exp)),
    async revoke(jti, exp) {
      await mysql('revoked_tokens')
        .insert({ jti, expires_at: exp })
        .catch((error) => {
          if (!isDuplicate(error)) throw error;
        });
      await mysql('revoked_tokens')
        .where('expires_at', '<', Math.floor(Date.now() / 1_000))
        .limit(100)
        .delete();
      remember(jti, exp);
      const announcement = randomUUID();
      // A process that subscribes after the count reads the table, which has the token. The reply of PUBLISH would also count
      // monitoring tools that subscribe by a pattern and never acknowledge.
      const [, listeners] = (await redis.pubsub('NUMSUB', channel)) as [string, number];
      await redis.publish(channel, `${jti} ${exp} ${announcement}`);
      const limit = Date.now() + ACK_LIMIT_MS;
      while (Number(await redis.get(keys.revocationAcks(announcement))) < listeners) {
        if (Date.now() > limit) throw new Unavailable('a process has not acknowledged that the tokens are revoked');
        await sleep(2);
      }
    },
    async revokeUser(username) {
      const second = Math.floor(Date.now() / 1_000) + 1 + CLOCK_TOLERANCE_SECONDS;
      await revocations.revoke(`user:${digest(username)}:${second}`, second + tokenTtlSeconds);
      return {
        // Tokens hold whole seconds.
        covers: (time) => Math.floor(time / 1_000) + CLOCK_TOLERANCE_SECONDS < second,
        async over() {
          await sleep(second * 1_000 - Date.now());
        },
      };
    },
  };
  const close: Closer = () => {
    closed = true;
    return subscriber.close();
  };
  return { revocations, close };
}
