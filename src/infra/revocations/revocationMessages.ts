import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import type { Closer } from '../closers.ts';
import { readReplication } from '../replication/replicationInfo.ts';
import type { Master } from '../shards/masters.ts';
import type { Log } from '../telemetry/log.ts';

const PING_EVERY_MS = 300;
/**
 * A subscription counts when its last round trip began less than this ago. A Redis that is silent for so long is left, since another one
 * may have taken its place.
 */
const SILENCE_LIMIT_MS = 1_000;
const RETRY_MS = 500;

/** A subscription on one connection. Each has an object of its own. */
export interface Subscription {
  /** The history of the data of the Redis that it listens to; undefined for a replica, where a log-out does not count it. */
  replid: string | undefined;
}

export interface RevocationMessages {
  /** Undefined while this process is not subscribed. */
  subscription(): Subscription | undefined;
  /** Whether Redis has just replied on the connection of the subscription, so that whoever logs out there counts this process. */
  isFresh(): boolean;
  /** Leaves the Redis that it listens to, and asks for the address again. */
  leave(): void;
  /** Resolves when this process is subscribed for the first time, and `subscribed` has resolved. */
  start(): Promise<void>;
}

/**
 * Subscribes to the messages about revoked tokens on a connection of its own, and again on each new connection. `subscribed` is called
 * after each subscription, again and again until it resolves.
 */
export function openRevocationMessages(deps: {
  connect: Master['connect'];
  channel: string;
  onMessage: (message: string) => void;
  subscribed: () => Promise<void>;
  log: Log;
}): { messages: RevocationMessages; close: Closer } {
  const { channel, onMessage, subscribed, log } = deps;
  const { redis, close: closeConnection } = deps.connect();
  // A new connection must show first where it leads to.
  redis.options.autoResubscribe = false;
  let connection = 1;
  let subscription: Subscription | undefined;
  let lastRoundTripBegan = Number.NEGATIVE_INFINITY;
  let unansweredSince: number | undefined;
  let closed = false;
  let running = false;

  const roundTrip = async (command: () => Promise<unknown>) => {
    const current = connection;
    const began = performance.now();
    unansweredSince ??= began;
    await command();
    if (current !== connection) throw new Error('the connection was lost');
    unansweredSince = undefined;
    lastRoundTripBegan = Math.max(lastRoundTripBegan, began);
  };
  const leave = () => void redis.stream?.destroy();
  const subscribe = async () => {
    const { isMaster, replid } = await readReplication(redis);
    await roundTrip(() => redis.subscribe(channel));
    subscription = { replid: isMaster ? replid : undefined };
  };
  const untilSubscribed = async () => {
    while (!closed && redis.status === 'ready') {
      try {
        if (subscription === undefined) await subscribe();
        await subscribed();
        break;
      } catch (err) {
        log.warn({ err }, 'the revoked tokens are read from MySQL at each request; subscribing to them is retried');
        await sleep(RETRY_MS);
      }
    }
    running = false;
  };
  const resubscribe = () => {
    if (running) return;
    running = true;
    void untilSubscribed();
  };
  const beat = async () => {
    if (redis.status !== 'ready') return;
    // After a pause of this process, a reply may have come that is not read yet.
    await nextTurn();
    if (unansweredSince !== undefined && performance.now() - unansweredSince > SILENCE_LIMIT_MS) leave();
    else if (subscription !== undefined) await roundTrip(() => redis.ping());
  };

  redis.on('message', (_channel, message) => onMessage(message));
  redis.on('close', () => {
    connection++;
    subscription = undefined;
    unansweredSince = undefined;
    lastRoundTripBegan = Number.NEGATIVE_INFINITY;
  });
  const timer = setInterval(() => beat().catch(() => {}), PING_EVERY_MS);

  const messages: RevocationMessages = {
    subscription: () => subscription,
    isFresh: () => performance.now() - lastRoundTripBegan < SILENCE_LIMIT_MS,
    leave,
    async start() {
      await redis.connect();
      await subscribe();
      await subscribed();
      redis.on('ready', resubscribe);
    },
  };
  const close: Closer = () => {
    closed = true;
    clearInterval(timer);
    return closeConnection();
  };
  return { messages, close };
}
