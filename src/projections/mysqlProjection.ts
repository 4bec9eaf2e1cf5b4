import { setTimeout as sleep } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import type { Bus } from '../infra/bus.ts';
import type { Closer } from '../infra/closers.ts';
import type { Log } from '../infra/log.ts';
import type { Mysql } from '../infra/mysql.ts';
import { isLockConflict, isRowRefused } from '../infra/mysqlErrors.ts';
import {
  type Delivery,
  deleteEntries,
  type EntryRef,
  entryKey,
  hasCreation,
  moveToDeadLetters,
} from '../infra/outbox.ts';
import { applyBatch } from './applyBatch.ts';

const MAX_BATCH_EVENTS = 1_000;
const MAX_QUEUED_EVENTS = 20_000;
/** A description may be long and is sent twice, with quotes escaped; the server takes 16 MiB a packet or more. */
const MAX_BATCH_TEXT = 1_000_000;
const MAX_QUEUED_TEXT = 20_000_000;
const MAX_LOCK_RETRIES = 20;
/** How long an entry may be refused, or be early, before it is set aside; until then the relay brings it again and again. */
const PATIENCE_MS = 10_000;
const LONGEST_PAUSE_MS = 1_000;

export interface MysqlProjection {
  /** Whether this process is about to apply the entry, so that the relay need not bring it. */
  isQueued(entry: EntryRef): boolean;
  /** False: what is published now is dropped here, stays in the outbox, and comes again by the relay. */
  hasRoom(): boolean;
  /** Resolves when nothing is queued; rejects when the projection closes. */
  idle(): Promise<void>;
}

/**
 * The asynchronous projection: gathers what the bus publishes while a transaction runs, and applies it with the next one.
 * An outbox entry is deleted after the COMMIT that holds its events. Closing applies what is queued, once.
 */
export function startMysqlProjection(deps: { bus: Bus; mysql: Mysql; redis: Redis; log: Log }) {
  const { bus, mysql, redis, log } = deps;
  const queue = new Map<string, Delivery>();
  const refusedSince = new Map<string, number>();
  let queuedEvents = 0;
  let queuedText = 0;
  let closing = false;
  let wake = () => {};

  const hasRoom = () => queuedEvents < MAX_QUEUED_EVENTS && queuedText < MAX_QUEUED_TEXT;
  const enqueue = (delivery: Delivery) => {
    const key = entryKey(delivery.entry);
    if (!hasRoom() || queue.has(key)) return;
    queue.set(key, delivery);
    queuedEvents += delivery.events.length;
    queuedText += textOf(delivery);
    wake();
  };
  const leaveQueue = (delivery: Delivery) => {
    if (!queue.delete(entryKey(delivery.entry))) return;
    queuedEvents -= delivery.events.length;
    queuedText -= textOf(delivery);
  };

  const nextBatch = () => {
    const batch: Delivery[] = [];
    let events = 0;
    let text = 0;
    for (const delivery of queue.values()) {
      events += delivery.events.length;
      text += textOf(delivery);
      if (batch.length > 0 && (events > MAX_BATCH_EVENTS || text > MAX_BATCH_TEXT)) break;
      batch.push(delivery);
    }
    return batch;
  };

  const setAside = async ({ entry, events }: Delivery, reason: string) => {
    log.error(
      { entry: entry.id, partition: entry.partition, events, reason },
      'dead letter: an event can not be applied',
    );
    await moveToDeadLetters(redis, entry, reason);
    refusedSince.delete(entryKey(entry));
  };
  const tryAgainLater = async (delivery: Delivery, reason: string) => {
    const key = entryKey(delivery.entry);
    // Entries that another process applied in the meantime are never heard of again.
    if (refusedSince.size > MAX_QUEUED_EVENTS) refusedSince.clear();
    const since = refusedSince.get(key) ?? performance.now();
    refusedSince.set(key, since);
    if (performance.now() - since > PATIENCE_MS) await setAside(delivery, reason);
  };

  // Rejects when MySQL or Redis is at fault; then nothing has left the queue but what was committed.
  const apply = async (batch: Delivery[]): Promise<void> => {
    try {
      const { committed, early, damaged } = await withLockRetries(() => applyBatch(mysql, batch));
      await deleteEntries(
        redis,
        committed.map(({ entry }) => entry),
      );
      for (const { entry } of committed) refusedSince.delete(entryKey(entry));
      for (const delivery of early) {
        // As long as its creation is in the outbox as well, a grab waits for it, however long that takes.
        const waits = await hasCreation(redis, delivery);
        if (!waits) await tryAgainLater(delivery, 'a grab of a coupon that was never created');
      }
      for (const delivery of damaged) await setAside(delivery, 'the log has another event of this version');
    } catch (error) {
      if (!isRowRefused(error)) throw error;
      const [only, another] = batch;
      // One by one, to find the entry that can't be applied and let the others through.
      if (another !== undefined) for (const delivery of batch) await apply([delivery]);
      // A duplicate may also be another process that applied the same entry at this moment: the next attempt sees it.
      else if (only !== undefined) await tryAgainLater(only, (error as Error).message);
    }
    batch.forEach(leaveQueue);
  };

  const run = async () => {
    for (let failures = 0; !(closing && queue.size === 0); ) {
      if (queue.size === 0) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
        continue;
      }
      try {
        await apply(nextBatch());
        failures = 0;
      } catch (err) {
        // The entries are in the outbox whatever happens: whoever starts next applies them.
        log.warn({ err, queuedEvents }, 'the MySQL projection waits');
        if (closing) return;
        await sleep(Math.min(100 * 2 ** failures++, LONGEST_PAUSE_MS));
      }
    }
  };

  bus.on('CouponCreated', enqueue);
  bus.on('CouponGrabbed', enqueue);
  const running = run();
  const projection: MysqlProjection = {
    isQueued: (entry) => queue.has(entryKey(entry)),
    hasRoom,
    async idle() {
      while (queue.size > 0) {
        if (closing) throw new Error('the MySQL projection closes');
        await sleep(5);
      }
    },
  };
  const close: Closer = () => {
    closing = true;
    wake();
    return running;
  };
  return { projection, close };
}

/** Characters of the one field that may be long. */
const textOf = ({ events }: Delivery) =>
  events.reduce((sum, event) => sum + (event.type === 'CouponCreated' ? event.data.description.length : 0), 0);

async function withLockRetries<T>(work: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work();
    } catch (error) {
      // knex has rolled back by now: after a lock wait timeout the server alone would keep half of the transaction.
      if (!isLockConflict(error) || attempt === MAX_LOCK_RETRIES) throw error;
    }
    await sleep(Math.random() * 10 * attempt);
  }
}
