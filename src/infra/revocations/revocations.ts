import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import { Unavailable } from '../../unavailable.ts';
import type { Gate } from '../gate.ts';
import { keys, revocationChannel } from '../keys.ts';
import { type ReplicationInfo, readReplication } from '../replication/replicationInfo.ts';
import type { Master } from '../shards/masters.ts';
import type { Mysql } from '../stores/mysql.ts';
import { isDuplicate } from '../stores/mysqlErrors.ts';
import type { Log } from '../telemetry/log.ts';
import { openRevocationMessages, type Subscription } from './revocationMessages.ts';
import { createRevokedTokens, type RevokedTokens, userEntry } from './revokedTokens.ts';
import { shareReads } from './shareReads.ts';

const ACK_LIMIT_MS = 1_000;
/** A request waits this long for MySQL. */
const READ_LIMIT_MS = 3_000;
/** The clock of the process that issues a token may be ahead of the clock of the process that revokes it by so much. */
const CLOCK_TOLERANCE_SECONDS = 1;

export interface Revocations {
  /** Whether the token is among the revoked tokens that this process knows. Before it is asked, `upToDate` must have resolved. */
  isRevoked: RevokedTokens['has'];
  /**
   * Undefined while this process gets the messages of all log-outs. Otherwise it resolves when this process knows every token that was
   * revoked before the call, and rejects with Unavailable (src/unavailable.ts) when MySQL does not say.
   */
  upToDate(): Promise<void> | undefined;
  /** Called when a Redis of the decisions was reconciled, before its gate opens. */
  reconciled(server: Pick<Server, 'redis'>, replication: Pick<ReplicationInfo, 'replid'>): Promise<void>;
  /** Resolves when every running process refuses the token; a process that starts later will too. `exp` in seconds since 1970. */
  revoke(jti: string, exp: number): Promise<void>;
  /**
   * Resolves when every running process refuses all tokens that were issued to the user before a second that is about to come; a process
   * that starts later will too.
   */
  revokeUser(username: string): Promise<UserRevocation>;
}

/** A Redis of the decisions. Whoever logs out counts the processes that listen on each of them. */
interface Server {
  redis: Redis;
  gate: Pick<Gate, 'isOpen' | 'shuts'>;
}

export interface UserRevocation {
  /** Whether tokens that any process has issued until this time, in milliseconds, are revoked. */
  covers(time: number): boolean;
  /** Resolves when newly issued tokens of the user are valid. */
  over(): Promise<void>;
}

/**
 * Each process keeps the revoked tokens in memory, so that a request costs no round trip. MySQL stores them; a published message
 * informs the other processes, and each acknowledges it. A process whose subscription may not be counted reads MySQL at each request.
 * `connect`: opens a connection to one of the servers; a Redis Cluster gives a message to all of its nodes.
 */
export async function openRevocations(deps: {
  connect: Master['connect'];
  servers: () => readonly Server[];
  tokenTtlSeconds: number;
  redis: Redis;
  mysql: Mysql;
  log: Log;
}) {
  const { tokenTtlSeconds, redis, mysql, servers, log } = deps;
  const channel = revocationChannel(redis.options.db ?? 0);
  const known = createRevokedTokens(tokenTtlSeconds);
  /** The history of the data of each server as it was reconciled last; none in a command, which reconciles nothing. */
  const histories = new WeakMap<Redis, string>();
  /** The server that the subscription is on, if it was reconciled with the data that it has. */
  const reconciledServer = () => {
    const replid = messages.subscription()?.replid;
    return replid === undefined ? undefined : servers().find((server) => histories.get(server.redis) === replid);
  };
  /** What stood when the last successful read began. */
  let readFor: { subscription: Subscription | undefined; server: Server | undefined } | undefined;

  const read = shareReads(async () => {
    const began = { subscription: messages.subscription(), server: reconciledServer() };
    const rows = await mysql('revoked_tokens')
      .where('expires_at', '>', Math.floor(Date.now() / 1_000))
      .orderBy('expires_at')
      .timeout(READ_LIMIT_MS);
    for (const row of rows) known.remember(row.jti.toString(), Number(row.expires_at));
    readFor = began;
  });
  const acknowledge = (announcement: string) => {
    const acks = keys.revocationAcks(announcement);
    redis
      .multi()
      .incr(acks)
      .expire(acks, 10)
      .exec()
      .catch((err) => log.warn({ err }, 'acknowledging a revocation failed; the request that revokes gets 503'));
  };
  const { messages, close } = openRevocationMessages({
    connect: deps.connect,
    channel,
    onMessage(message) {
      const [jti = '', exp, announcement = ''] = message.split(' ');
      known.remember(jti, Number(exp));
      acknowledge(announcement);
    },
    // Subscribe first, then read: a token that is revoked in between arrives twice instead of never.
    async subscribed() {
      if (servers().some(({ gate }) => gate.isOpen())) mustListenHere();
      await read();
    },
    log,
  });
  /** The connection of the decisions and that of the messages may have got different addresses. */
  const mustListenHere = () => {
    const known = servers().some(({ redis: server }) => histories.has(server));
    if (messages.subscription() === undefined || !known || reconciledServer() !== undefined) return;
    messages.leave();
    throw new Error('the messages came from another Redis than the one that decides');
  };
  /** While the gate is shut, another Redis may be in use, where nobody counts this process. */
  const isCounted = () => {
    const subscription = messages.subscription();
    return (
      messages.isFresh() &&
      subscription !== undefined &&
      subscription === readFor?.subscription &&
      readFor.server !== undefined &&
      readFor.server === reconciledServer() &&
      readFor.server.gate.isOpen()
    );
  };

  const countOn = async ({ redis: server, gate }: Server) => {
    const shuts = gate.shuts();
    const [, listeners] = (await server.pubsub('NUMSUB', channel)) as [string, number];
    if (gate.isOpen() && shuts === gate.shuts()) return listeners;
    const { replicas, wasPromoted } = await readReplication(server);
    if (server.options.sentinels !== undefined || servers().length > 1 || replicas.length > 0 || wasPromoted)
      throw new Unavailable('another Redis may be in use, and it is not known which processes listen to it');
    return listeners;
  };
  /**
   * While the gates are open, no process decides on another Redis: all others are counted, or read MySQL. Without replicas there is no other.
   */
  const countListeners = async () => {
    const counts = await Promise.all(servers().map(countOn));
    return counts.reduce((sum, count) => sum + count, 0);
  };

  const revocations: Revocations = {
    isRevoked: known.has,
    upToDate() {
      if (isCounted()) return undefined;
      return read().catch((error) => {
        throw new Unavailable(`the revoked tokens cannot be read: ${(error as Error).message}`);
      });
    },
    async reconciled({ redis: server }, { replid }) {
      const isSame = histories.get(server) === replid;
      histories.set(server, replid);
      try {
        mustListenHere();
        if (!isSame) await read();
      } catch (err) {
        log.warn({ err }, 'the revoked tokens are read from MySQL at each request');
      }
    },
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
      known.remember(jti, exp);
      const announcement = randomUUID();
      // A process that subscribes after the count reads the table, which has the token. The reply of PUBLISH would also count
      // monitoring tools that subscribe by a pattern and never acknowledge.
      const listeners = await countListeners();
      await redis.publish(channel, `${jti} ${exp} ${announcement}`);
      const limit = Date.now() + ACK_LIMIT_MS;
      while (Number(await redis.get(keys.revocationAcks(announcement))) < listeners) {
        if (Date.now() > limit) throw new Unavailable('a process has not acknowledged that the tokens are revoked');
        await sleep(2);
      }
    },
    async revokeUser(username) {
      const second = Math.floor(Date.now() / 1_000) + 1 + CLOCK_TOLERANCE_SECONDS;
      await revocations.revoke(userEntry(username, second), second + tokenTtlSeconds);
      return {
        // Tokens hold whole seconds.
        covers: (time) => Math.floor(time / 1_000) + CLOCK_TOLERANCE_SECONDS < second,
        async over() {
          await sleep(second * 1_000 - Date.now());
        },
      };
    },
  };
  try {
    await messages.start();
  } catch (error) {
    await close();
    throw error;
  }
  return { revocations, close };
}
