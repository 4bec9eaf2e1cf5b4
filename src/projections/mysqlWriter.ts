import { setTimeout as sleep } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import type { Bus } from '../infra/bus.ts';
import type { Closer } from '../infra/closers.ts';
import { type Delivery, deleteEntries, type EntryRef, hasCreation, moveToDeadLetters } from '../infra/outbox.ts';
import type { Mysql } from '../infra/stores/mysql.ts';
import { isLockConflict, isRowRefused } from '../infra/stores/mysqlErrors.ts';
import type { BatchWatch } from '../infra/telemetry/batchWatch.ts';
import type { Log } from '../infra/telemetry/log.ts';
import { applyBatch } from './applyBatch.ts';
import { createDeliveryQueue, MAX_BATCH_EVENTS, type Queued } from './deliveryQueue.ts';

const MAX_LOCK_RETRIES = 20;
/** How long an entry may be refused, or be early, before it is set aside. */
const PATIENCE_MS = 10_000;
const LONGEST_PAUSE_MS = 1_000;
/** Between two tries at what was put off, while there is nothing else to do. */
const PUT_OFF_PAUSE_MS = 50;
/** From the start of one batch to that of the next. What comes alone goes at once. */
const LEAST_GATHERING_MS = 15;
const MOST_GATHERING_MS = 100;
/** Above four events a millisecond one batch lets the next gather longer, up to the most; below that, down to the least. */
const GATHERING_MS_AN_EVENT = 0.25;

export interface MysqlProjection {
  /** Whether this process is about to apply the entry, so that the relay need not bring it. */
  isQueued(entry: EntryRef): boolean;
  /** False: what is published now is dropped here, stays in the outbox, and comes again by the relay. */
  hasRoom(): boolean;
  /** Resolves when nothing is queued; rejects when the projection closes. */
  idle(): Promise<void>;
}

/**
 * The asynchronous projection: gathers what the bus publishes, for longer the more there is, and applies it in transactions of many.
 * When whole batches wait, two are under way at once.
 * An outbox entry is deleted after the COMMIT that holds its events. What can't be deleted (Redis is away, a view could not
 * be written) stays in the outbox and comes again by the relay; MySQL doesn't wait for it. Closing applies what is queued, once.
 */
export function startMysqlProjection(deps: { bus: Bus; mysql: Mysql; redis: Redis; watch: BatchWatch; log: Log }) {
  const { bus, mysql, redis, watch, log } = deps;
  const queue = createDeliveryQueue();
  let closing = false;
  let wakers: (() => void)[] = [];
  const woken = () => new Promise<void>((resolve) => wakers.push(resolve));
  const wake = () => {
    const woke = wakers;
    wakers = [];
    for (const resolve of woke) resolve();
  };

  const enqueue = (delivery: Delivery, inlined: Promise<void>) => {
    // Who publishes hears of it; here it is looked at after the COMMIT.
    inlined.catch(() => {});
    if (queue.add(delivery, inlined)) wake();
  };

  const setAside = async (queued: Queued, reason: string) => {
    const { entry, events } = queued.delivery;
    log.error(
      { entry: entry.id, partition: entry.partition, events, reason },
      'dead letter: an event can not be applied',
    );
    await moveToDeadLetters(redis, entry, reason);
    queue.remove(queued);
  };
  // It stays in the queue: should Redis lose its outbox now, this process still knows of the event.
  const putOff = async (queued: Queued, reason: string, waitsForCreation = false) => {
    queue.putOff(queued);
    wake();
    if (performance.now() - (queued.putOffSince ?? 0) <= PATIENCE_MS) return;
    // As long as its creation is in the outbox as well, a grab waits for it, however long that takes.
    if (waitsForCreation && (await hasCreation(redis, queued.delivery))) queued.putOffSince = performance.now();
    else await setAside(queued, reason);
  };

  const deleteCommitted = async (committed: Queued[]) => {
    const views = await Promise.allSettled(committed.map(({ inlined }) => inlined));
    const entries = committed.flatMap(({ delivery }, place) =>
      views[place]?.status === 'fulfilled' ? [delivery.entry] : [],
    );
    await deleteEntries(redis, entries).catch((err) => log.warn({ err }, 'committed entries stay in the outbox'));
  };

  // Rejects when MySQL is at fault, or Redis where a dead letter needs it. Resolves to how many deliveries MySQL has now.
  const apply = async (batch: Queued[]): Promise<number> => {
    try {
      const deliveries = batch.map(({ delivery }) => delivery);
      const applied = await watch.mysqlBatch(deliveries, () => withLockRetries(() => applyBatch(mysql, deliveries)));
      const within = (deliveries: Delivery[]) => {
        const wanted = new Set(deliveries);
        return batch.filter(({ delivery }) => wanted.has(delivery));
      };
      const committed = within(applied.committed);
      for (const queued of committed) queue.remove(queued);
      await deleteCommitted(committed);
      for (const queued of within(applied.early))
        await putOff(queued, 'a grab of a coupon that was never created', true);
      for (const queued of within(applied.damaged)) await setAside(queued, 'the log has another event of this version');
      return committed.length;
    } catch (error) {
      if (!isRowRefused(error)) throw error;
      // One by one, to find the entry that can't be applied and let the others through.
      let count = 0;
      if (batch.length > 1) for (const queued of batch) count += await apply([queued]);
      // A duplicate may also be another process that applied the same entry at this moment: the next attempt sees it.
      else for (const queued of batch) await putOff(queued, (error as Error).message);
      return count;
    }
  };

  /** Applies batch after batch, each when `due` resolves, and one after the other whatever there is once the projection closes. */
  const applyBatches = async (due: () => Promise<unknown>) => {
    for (let failures = 0; ; ) {
      if (!closing) await due();
      const batch = queue.takeBatch();
      if (batch.length === 0) {
        if (closing) return;
        continue;
      }
      try {
        const count = await apply(batch);
        failures = 0;
        if (count > 0) continue;
        // Nothing but what has to wait for another process; it is in the outbox for whoever comes.
        if (closing) return;
        await sleep(PUT_OFF_PAUSE_MS);
      } catch (err) {
        // The entries are in the outbox whatever happens: whoever starts next applies them.
        log.warn({ err, queuedEvents: queue.size() }, 'the MySQL projection waits');
        queue.giveBack(batch);
        // Whichever of the two is free takes it: this one may wait for a whole batch.
        wake();
        if (closing) return;
        await sleep(Math.min(100 * 2 ** failures++, LONGEST_PAUSE_MS));
      }
    }
  };

  let startedAt = 0;
  let gatheringMs = 0;
  /** What there is, after it could gather for a while: a transaction costs MySQL the same whatever is in it. */
  const gathered = async () => {
    while (queue.waiting() === 0 && !closing) await woken();
    const early = startedAt + gatheringMs - performance.now();
    if (early > 0 && queue.waiting() < MAX_BATCH_EVENTS && !closing) await sleep(early);
    const events = Math.min(queue.waiting(), MAX_BATCH_EVENTS);
    gatheringMs = Math.min(MOST_GATHERING_MS, Math.max(LEAST_GATHERING_MS, events * GATHERING_MS_AN_EVENT));
    startedAt = performance.now();
  };
  /** A whole batch, beside one that is under way: Node writes statements while MySQL carries out others. */
  const full = async () => {
    while (queue.waiting() < MAX_BATCH_EVENTS && !closing) await woken();
  };

  bus.on('CouponCreated', enqueue);
  bus.on('CouponGrabbed', enqueue);
  const running = Promise.all([applyBatches(gathered), applyBatches(full)]);
  const projection: MysqlProjection = {
    isQueued: queue.has,
    hasRoom: queue.hasRoom,
    async idle() {
      while (!queue.isEmpty()) {
        if (closing) throw new Error('the MySQL projection closes');
        await sleep(5);
      }
    },
  };
  const close: Closer = () => {
    closing = true;
    wake();
    return running.then(() => {});
  };
  return { projection, close };
}

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
