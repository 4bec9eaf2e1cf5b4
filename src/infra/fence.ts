import { setTimeout as sleep } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import { unavailable } from '../http/errors.ts';
import type { Closer } from './closers.ts';
import type { Gate } from './gate.ts';
import { keys } from './keys.ts';
import type { Log } from './telemetry/log.ts';

const NOT_RECONCILED = 'the write model is not reconciled with the event log';
const RETRY_MS = 500;
/** A flush is noticed within this time even by a process that decides nothing: others may wait for it to let go of the lease. */
const WATCH_EVERY_MS = 500;

export interface Fence {
  /** A script found no fence in Redis: shuts the gate, has the write model reconciled, and throws Unavailable. */
  fenced(): never;
  /** The same for who reads: throws Unavailable when Redis was emptied since it was reconciled. */
  mustStand(): Promise<void>;
}

/**
 * Keeps the gate shut from the loss of a Redis connection until the new one is reconciled. Nothing is sent on a connection
 * that nobody has reconciled: ioredis says `close` before it connects again, and that shuts the gate at once.
 * `reconciled` resolves when the write model is known to be as the log has it.
 */
export async function openFence(deps: { redis: Redis; gate: Gate; reconciled: () => Promise<void>; log: Log }) {
  const { redis, gate, reconciled, log } = deps;
  let connection = 1;
  let closed = false;
  let running = false;

  const once = async () => {
    const current = connection;
    await reconciled();
    // The connection that was reconciled may be gone by now; then the next round opens the gate.
    if (current === connection) gate.clear(NOT_RECONCILED);
  };
  const untilOpen = async () => {
    while (!closed && redis.status === 'ready' && gate.isShutFor(NOT_RECONCILED)) {
      try {
        await once();
      } catch (err) {
        log.error({ err }, 'reconcile failed');
        await sleep(RETRY_MS);
      }
    }
    running = false;
  };
  const start = () => {
    if (running) return;
    running = true;
    void untilOpen();
  };
  const shut = () => {
    connection++;
    gate.shut(NOT_RECONCILED);
  };

  gate.shut(NOT_RECONCILED);
  redis.on('close', shut);
  redis.on('ready', start);
  await once();

  const fence: Fence = {
    fenced() {
      // Shut already: who reconciles looks for the marker last.
      if (!gate.isShutFor(NOT_RECONCILED)) {
        shut();
        start();
      }
      throw unavailable(NOT_RECONCILED);
    },
    async mustStand() {
      if ((await redis.exists(keys.marker)) === 0) fence.fenced();
    },
  };
  const watch = setInterval(() => {
    // What it throws is said where the gate is shut.
    if (!gate.isShutFor(NOT_RECONCILED)) fence.mustStand().catch(() => {});
  }, WATCH_EVERY_MS);
  // Not waited for: a reconcile that is under way ends when the relay, which is closed next, lets go of it.
  const close: Closer = () => {
    closed = true;
    clearInterval(watch);
  };
  return { fence, close };
}
