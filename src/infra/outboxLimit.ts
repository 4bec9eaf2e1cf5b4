import type { Redis } from 'ioredis';
import { unavailable } from '../http/errors.ts';
import type { Closer } from './closers.ts';
import { outboxDepth } from './outbox.ts';
import type { Log } from './telemetry/log.ts';

const LOOK_EVERY_MS = 250;
/** Grabs go on again when this share of the limit is left: not at the first free place, to be shut again by the next grab. */
const ROOM_AGAIN = 0.9;
const FULL = 'the outbox is full, MySQL is away or too slow';

export interface OutboxLimit {
  /** Entries, over all partitions. The scripts hold each partition to it at once, this process the sum within a moment. */
  entries: number;
  /** Throws Unavailable while the outbox is full. */
  mustHaveRoom(): void;
  /** A script found its partition's outbox full. Throws Unavailable. */
  full(): never;
  isFull(): boolean;
}

/** Bounds what waits for MySQL, so that a long outage ends in 503 and not in a full Redis. */
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
    look().catch((err) => log.debug({ err }, 'the outbox can not be measured'));
  }, LOOK_EVERY_MS);

  const outboxLimit: OutboxLimit = {
    entries,
    mustHaveRoom() {
      if (isFull) throw unavailable(FULL);
    },
    full() {
      set(true);
      throw unavailable(FULL);
    },
    isFull: () => isFull,
  };
  const close: Closer = () => clearInterval(timer);
  return { outboxLimit, close };
}
