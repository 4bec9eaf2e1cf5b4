import type { Redis } from 'ioredis';
import { Unavailable } from '../unavailable.ts';
import type { Closer } from './closers.ts';
import { outboxDepth } from './outbox.ts';
import type { Log } from './telemetry/log.ts';

const CHECK_EVERY_MS = 250;
/** Grabs resume when the outbox is down to this share of its limit: one free place would be taken by the next grab. */
const ROOM_AGAIN = 0.9;
const FULL = 'the outbox is full: MySQL is down or too slow';

export interface OutboxLimit {
  /** The limit. The scripts apply it to each partition at every call, this process to the sum of all partitions every 250 ms. */
  entries: number;
  /** Throws Unavailable (src/unavailable.ts) while the outbox is full. */
  mustHaveRoom(): void;
  /** Called when a script found the outbox of its partition full. Throws Unavailable. */
  full(): never;
  isFull(): boolean;
}

/** Bounds the outbox, so that a long outage of MySQL leads to 503 and not to a full Redis. */
export function openOutboxLimit(deps: { redis: Redis; entries: number; log: Log }) {
  const { redis, entries, log } = deps;
  let isFull = false;
  const set = (full: boolean, depth?: number) => {
    if (full !== isFull)
      log.warn({ limit: entries, depth }, full ? 'outbox full; grabs get 503' : 'outbox has room again; grabs resume');
    isFull = full;
  };
  const check = async () => {
    if (redis.status !== 'ready') return;
    const depth = await outboxDepth(redis);
    if (depth >= entries) set(true, depth);
    else if (depth <= entries * ROOM_AGAIN) set(false, depth);
  };
  const timer = setInterval(() => {
    check().catch((err) => log.debug({ err }, 'reading the depth of the outbox failed; retrying'));
  }, CHECK_EVERY_MS);

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
