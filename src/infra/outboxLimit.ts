import type { Redis } from 'ioredis';
import { Unavailable } from '../unavailable.ts';
import type { Closer } from './closers.ts';
import { outboxDepth } from './outbox.ts';
import type { Log } from './telemetry/log.ts';

const LOOK_EVERY_MS = 250;
/** Grabs go on when the outbox is down to this share of its limit: at the first free place, the next grab would fill it again. */
const ROOM_AGAIN = 0.9;
const FULL = 'the outbox is full, MySQL is away or too slow';

export interface OutboxLimit {
  /** Entries, over all partitions. The scripts check each partition at every call, this process the sum four times a second. */
  entries: number;
  /** Throws Unavailable while the outbox is full. */
  mustHaveRoom(): void;
  /** For a script that found the outbox of its partition full. Throws Unavailable. */
  full(): never;
  isFull(): boolean;
}

/** Bounds the outbox, so that a long outage of MySQL ends in 503 and not in a full Redis. */
export function openOutboxLimit(deps: { redis: Redis; entries: number; log: Log }) {
  const { redis, entries, log } = deps;
  let isFull = false;
  const set = (full: boolean, depth?: number) => {
    if (full !== isFull) log.warn({ limit: entries, depth }, full ? FULL : 'the outbox has room again');
    isFull = full;
  };
  const look = async () => {
    if (redis.status !== 'ready') return;
    const depth = await outboxDepth(redis);
    if (depth >= entries) set(true, depth);
    else if (depth <= entries * ROOM_AGAIN) set(false, depth);
  };
  const timer = setInterval(() => {
    look().catch((err) => log.debug({ err }, 'reading the depth of the outbox failed'));
  }, LOOK_EVERY_MS);

  const outboxLimit: OutboxLimit = {
    entries,
    mustHaveRoom() {
      if (isFull) throw new Unavailable(FULL);
    },
    full() {
      set(true);
      throw new Unavailable(FULL);
    },
    isFull: () => isFull,
  };
  const close: Closer = () => clearInterval(timer);
  return { outboxLimit, close };
}
