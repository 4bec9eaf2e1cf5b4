import { randomUUID } from 'node:crypto';
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

const ACK_LIMIT_MS = 1_000;
const SHUT = 'revoked tokens are not known yet';

export interface Revocations {
  isRevoked(jti: string): boolean;
  /** Resolves when the token is refused by every process that runs, and by every one that will. `exp` in seconds since 1970. */
  revoke(jti: string, exp: number): Promise<void>;
}

/**
 * Each process keeps the revoked tokens in memory, so that a request costs no round trip. MySQL has them for good; a message
 * tells the other processes, and each acknowledges. While a process can't hear messages, its gate is shut.
 */
export async function openRevocations(deps: { redisUrl: string; redis: Redis; mysql: Mysql; gate: Gate; log: Log }) {
  const { redis, mysql, gate, log } = deps;
  const channel = revocationChannel(redis.options.db ?? 0);
  const revoked = new Map<string, number>();
  const remember = (jti: string, exp: number) => {
    const now = Date.now() / 1_000;
    // Insertion order is close to the order of expiry: the front is where the outdated ones are.
    for (const [old, expiry] of revoked) {
      if (expiry > now) break;
      revoked.delete(old);
    }
    revoked.set(jti, exp);
  };

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
      .catch((err) => log.warn({ err }, 'a revocation was not acknowledged'));
  });

  // Subscribe first, load second: what is revoked in between comes by both roads and not by none.
  let connection = 0;
  const catchUp = async () => {
    const caughtUp = connection;
    await subscriber.redis.subscribe(channel);
    const rows = await mysql('revoked_tokens')
      .where('expires_at', '>', Math.floor(Date.now() / 1_000))
      .orderBy('expires_at');
    for (const row of rows) remember(row.jti.toString(), Number(row.expires_at));
    // The connection may be gone by now, and with it the messages; then the next one catches up.
    if (caughtUp === connection) gate.clear(SHUT);
  };
  const catchUpAgain = async () => {
    while (!closed && subscriber.redis.status === 'ready' && gate.isShutFor(SHUT)) {
      try {
        await catchUp();
      } catch (err) {
        log.warn({ err }, SHUT);
        await sleep(500);
      }
    }
  };

  gate.shut(SHUT);
  subscriber.redis.on('close', () => {
    connection++;
    gate.shut(SHUT);
  });
  await subscriber.redis.connect();
  await catchUp();
  subscriber.redis.on('ready', catchUpAgain);

  const revocations: Revocations = {
    isRevoked: (jti) => revoked.has(jti),
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
      // Who subscribes after the count reads the table, which has the token; PUBLISH itself would also count who only watches.
      const [, listeners] = (await redis.pubsub('NUMSUB', channel)) as [string, number];
      await redis.publish(channel, `${jti} ${exp} ${announcement}`);
      const limit = Date.now() + ACK_LIMIT_MS;
      while (Number(await redis.get(keys.revocationAcks(announcement))) < listeners) {
        if (Date.now() > limit) throw new Unavailable('a process has not confirmed the log-out');
        await sleep(2);
      }
    },
  };
  const close: Closer = () => {
    closed = true;
    return subscriber.close();
  };
  return { revocations, close };
}
