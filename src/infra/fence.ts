import { setTimeout as sleep } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import { Unavailable } from '../unavailable.ts';
import type { Closer } from './closers.ts';
import type { Gate } from './gate.ts';
import { readStanding } from './replication/replicationInfo.ts';
import type { DataSet } from './shards/dataSet.ts';
import type { Log } from './telemetry/log.ts';

const NOT_RECONCILED = 'the write model is not reconciled with the event log';
const NOT_CONNECTED = 'Redis does not reply';
const RETRY_MS = 500;
/** An idle process, too, notices a flush or a promotion within this time: another process may wait for it to release the lease. */
const WATCH_EVERY_MS = 500;

/** What queries need of the fences of all that is in use. */
export interface Standing {
  /**
   * Called by queries that found nothing under this key: throws Unavailable when the Redis that has it was emptied or promoted after it was
   * reconciled. Without a key, all that are open must stand.
   */
  mustStand(key?: string): Promise<void>;
}

export interface Fence extends Standing {
  /** Called when a script found no fence of this Redis: shuts the gate, starts reconcile, and throws Unavailable (src/unavailable.ts). */
  reconcileAgain(): never;
  /** Shuts the gate and starts reconcile, if the gate is open. Called when the Redis has other partitions than before. */
  shut(): void;
}

/**
 * Keeps the gate shut from the loss of a Redis connection until Redis is reconciled on the new connection. No command is sent on a
 * connection that is not reconciled: ioredis emits `close` before it reconnects, and `close` shuts the gate in the same tick.
 * `reconciled` resolves when the write model agrees with the event log. `opened` settles with the first attempt, which is not repeated
 * when it fails: `shut` begins the next one.
 */
export function openFence(deps: {
  redis: Redis;
  dataSet: DataSet;
  gate: Gate;
  reconciled: () => Promise<void>;
  log: Log;
}): { fence: Fence; opened: Promise<void>; close: Closer } {
  const { redis, dataSet, gate, reconciled, log } = deps;
  let connection = 1;
  let closed = false;
  let running = false;

  const once = async () => {
    const current = connection;
    await reconciled();
    // When the reconciled connection is already lost, the next attempt opens the gate.
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
  const isConnected = redis.status === 'ready';
  const opened = isConnected ? once() : Promise.reject(new Unavailable(NOT_CONNECTED));

  const fence: Fence = {
    reconcileAgain() {
      // While the gate is shut, reconcile is running, and it checks the marker at its end.
      if (!gate.isShutFor(NOT_RECONCILED)) fence.shut();
      throw new Unavailable(NOT_RECONCILED);
    },
    shut() {
      shut();
      start();
    },
    async mustStand() {
      if (!(await readStanding(redis, dataSet)).stands) fence.reconcileAgain();
    },
  };
  const watch = setInterval(() => {
    // The gate logs that it was shut, so the error is not logged again.
    if (!gate.isShutFor(NOT_RECONCILED)) fence.mustStand().catch(() => {});
  }, WATCH_EVERY_MS);
  // Does not wait for a running reconcile: it ends when the relay, which closes next, rejects its drain.
  const close: Closer = () => {
    closed = true;
    clearInterval(watch);
  };
  return { fence, opened, close };
}
