import { setTimeout as sleep } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import { Unavailable } from '../unavailable.ts';
import type { Closer } from './closers.ts';
import type { Gate } from './gate.ts';
import { keys } from './keys.ts';
import type { Log } from './telemetry/log.ts';

const NOT_RECONCILED = 'the write model is not reconciled with the event log';
const RETRY_MS = 500;
/** Also a process that decides nothing notices a flush within this time: others may wait for it to release the lease. */
const WATCH_EVERY_MS = 500;

export interface Fence {
  /** For a script that found no fence in Redis: shuts the gate, starts reconcile, and throws Unavailable. */
  reconcileAgain(): never;
  /** For queries: does the same when Redis was emptied since it was reconciled. */
  mustStand(): Promise<void>;
}

/**
 * Keeps the gate shut from the loss of a Redis connection until the new one is reconciled. No command is sent on a connection that
 * is not reconciled: ioredis emits `close` before it connects again, and that shuts the gate in the same tick.
 * `reconciled` resolves when the write model agrees with the log.
 */
export async function openFence(deps: { redis: Redis; gate: Gate; reconciled: () => Promise<void>; log: Log }) {
  const { redis, gate, reconciled, log } = deps;
  let connection = 1;
  let closed = false;
  let running = false;

  const once = async () => {
    const current = connection;
    await reconciled();
    // The reconciled connection may be lost by now; then the next attempt opens the gate.
    if (current === connection) gate.clear(NOT_RECONCILED);
  };
  const untilOpen = async () => {
    while (!closed && redis.status === 'ready' && gate.isShutFor(NOT_RECONCILED)) {
      try {
        await once();
      } catch (err) {
        log.error({ err }, 'reconcile failed; retrying');
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
    reconcileAgain() {
      // While the gate is shut, reconcile is under way, and it checks the marker at its end.
      if (!gate.isShutFor(NOT_RECONCILED)) {
        shut();
        start();
      }
      throw new Unavailable(NOT_RECONCILED);
    },
    async mustStand() {
      if ((await redis.exists(keys.marker)) === 0) fence.reconcileAgain();
    },
  };
  const watch = setInterval(() => {
    // The gate logs that it is shut, so the error has nothing to add.
    if (!gate.isShutFor(NOT_RECONCILED)) fence.mustStand().catch(() => {});
  }, WATCH_EVERY_MS);
  // A reconcile under way is not waited for: it ends when the relay, which closes next, rejects its drain.
  const close: Closer = () => {
    closed = true;
    clearInterval(watch);
  };
  return { fence, close };
}
