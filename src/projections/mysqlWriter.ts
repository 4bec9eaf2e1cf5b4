import { setTimeout as sleep } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import type { Closer } from '../infra/closers.ts';
import type { Gate } from '../infra/gate.ts';
import { allPartitions } from '../infra/keys.ts';
import {
  type Delivery,
  deleteEntries,
  type EntryRef,
  entryKey,
  moveToDeadLetters,
  outboxHolds,
} from '../infra/outbox.ts';
import { withLockRetries } from '../infra/stores/lockRetries.ts';
import type { Mysql } from '../infra/stores/mysql.ts';
import { isRowRefused } from '../infra/stores/mysqlErrors.ts';
import type { BatchWatch } from '../infra/telemetry/batchWatch.ts';
import type { Log } from '../infra/telemetry/log.ts';
import type { NewerReleases } from '../infra/telemetry/newerReleases.ts';
import { safeMessage } from '../infra/telemetry/safeError.ts';
import { NewerRelease } from '../newerRelease.ts';
import { applyBatch } from './applyBatch.ts';
import { confirmLogged } from './confirmLogged.ts';
import { createDeliveryQueue, gatheringAt, MAX_BATCH_EVENTS, type Queued } from './deliveryQueue.ts';
import { viewsOf } from './redisViews.ts';
import { prerequisitesOf } from './sortBatch.ts';
import { isOfSeveral, splitEntry } from './splitEntry.ts';
import { withoutSecrets } from './withoutSecrets.ts';

/** How long an entry may be refused by MySQL, or wait for an earlier event, before it becomes a dead letter. */
const PATIENCE_MS = 10_000;
const LONGEST_PAUSE_MS = 1_000;
/** Between two attempts at postponed deliveries, while there are no others. */
const POSTPONED_PAUSE_MS = 50;
export interface MysqlWriter {
  /** For the bus: takes a delivery into the queue. Settles nothing; a delivery without room comes again by the relay. */
  enqueue(delivery: Delivery, inlined: Promise<void>): void;
  /** Whether this process is about to apply the entry, so that the relay need not publish it. */
  isQueued(entry: EntryRef): boolean;
  /** Whether this process is about to apply entries of the partition. */
  holds(partition: number): boolean;
  /** False: a delivery that is published now is dropped here, stays in the outbox, and comes again by the relay. */
  hasRoom(): boolean;
  /** Resolves when the queue has nothing of these partitions; rejects when the writer closes. */
  idle(partitions?: readonly number[]): Promise<void>;
}

/**
 * The asynchronous projection: gathers the deliveries of the bus, for longer the more of them come, and applies many in one
 * transaction. When whole batches wait, two transactions run at once.
 * An outbox entry is deleted after the COMMIT that holds its events. An entry that cannot be deleted then (Redis is away or may have
 * been replaced, a view could not be written, its event not confirmed) stays in the outbox and comes again by the relay; MySQL does not
 * wait for it. Closing applies the queue once.
 */
export function startMysqlWriter(deps: {
  mysql: Mysql;
  redis: Redis;
  gate: Gate;
  /** Resolves when the replicas have these views. Undefined where they have a view before they lose the entry. */
  viewsConfirmed?: ((views: readonly string[]) => Promise<void>) | undefined;
  watch: BatchWatch;
  newerReleases: NewerReleases;
  log: Log;
}) {
  const { mysql, redis, gate, viewsConfirmed, watch, newerReleases, log } = deps;
  const queue = createDeliveryQueue();
  let closing = false;
  let wakers: (() => void)[] = [];
  const woken = () => new Promise<void>((resolve) => wakers.push(resolve));
  const wake = () => {
    const woke = wakers;
    wakers = [];
    for (const resolve of woke) resolve();
  };

  const setAside = async (queued: Queued, why: string) => {
    const { entry, events } = queued.delivery;
    const reason = withoutSecrets(why, events);
    // The events themselves have codes of pieces.
    const ids = events.map(({ type, id }) => `${type} ${id}`);
    log.error(
      { entry: entry.id, partition: entry.partition, events: ids, reason },
      'dead letter: an event cannot be applied',
    );
    // Later entries would carry the event, and would become dead letters with it.
    await confirmLogged(deps, [queued.delivery]);
    if (queued.ownsEntry) await moveToDeadLetters(redis, entry, reason);
    queue.remove(queued);
  };
  // The entry stays in the outbox. A process of the newer release finds its event in the log and deletes the entry.
  const leaveToNewer = (queued: Queued) => {
    newerReleases.note(entryKey(queued.delivery.entry), new NewerRelease('an event that is logged'));
    queue.remove(queued);
  };
  // Parts of several coupons are applied, postponed or set aside each for itself; their events stay in the memory of this process.
  const splitIfOfSeveral = async (queued: Queued): Promise<boolean> => {
    if (!isOfSeveral(queued.delivery)) return false;
    queue.replace(queued, await splitEntry(redis, queued.delivery));
    wake();
    return true;
  };
  // A postponed delivery stays in the queue: should Redis lose its outbox now, this process still has the event.
  const postpone = async (queued: Queued, reason: string, prerequisites?: ReadonlySet<string>) => {
    queue.postpone(queued);
    wake();
    if (performance.now() - (queued.postponedSince ?? 0) <= PATIENCE_MS) return;
    if (prerequisites !== undefined) {
      // An early delivery waits as long as another entry of the outbox has an event that it depends on.
      const isHeld = await outboxHolds(redis, queued.delivery, prerequisites);
      if (isHeld) queued.postponedSince = performance.now();
      // Another process may have applied that event since this attempt began, as after a long outage of MySQL: the next attempt tells.
      const mayBeApplied = isHeld || !queued.isUnheld;
      queued.isUnheld = !isHeld;
      if (mayBeApplied) return;
    }
    await setAside(queued, reason);
  };

  const deleteCommitted = async (committed: Queued[]) => {
    const views = await Promise.allSettled(
      committed.map(({ inlined, delivery }) =>
        viewsConfirmed === undefined ? inlined : inlined.then(() => viewsConfirmed(viewsOf(delivery))),
      ),
    );
    const confirmed = await confirmLogged(
      deps,
      committed.map(({ delivery }) => delivery),
    );
    // If the gate was shut after a delivery was queued, Redis may be an older one that has the entry but lacks the view entry: the relay
    // must publish the entry again. The counts are compared because reconcile publishes entries while the gate is still shut.
    const shuts = gate.shuts();
    const entries = committed.flatMap(({ delivery, ownsEntry, gateShuts }, place) =>
      ownsEntry && views[place]?.status === 'fulfilled' && confirmed.has(delivery) && gateShuts === shuts
        ? [delivery.entry]
        : [],
    );
    await deleteEntries(redis, entries).catch((err) => log.warn({ err }, 'committed entries stay in the outbox'));
  };

  // Resolves to the number of deliveries that MySQL has now. Rejects when MySQL fails, or Redis where a dead letter needs it.
  const apply = async (batch: Queued[], distrust = false): Promise<number> => {
    try {
      const deliveries = batch.map(({ delivery }) => delivery);
      const applied = await watch.mysqlBatch(deliveries, () =>
        withLockRetries(() => applyBatch(mysql, deliveries, distrust)),
      );
      const within = (deliveries: Delivery[]) => {
        const wanted = new Set(deliveries);
        return batch.filter(({ delivery }) => wanted.has(delivery));
      };
      const committed = within(applied.committed);
      for (const queued of committed) queue.remove(queued);
      await deleteCommitted(committed);
      const waiting = 'its coupon was never created, or its piece never grabbed';
      for (const queued of within(applied.early))
        await ((await splitIfOfSeveral(queued)) || postpone(queued, waiting, prerequisitesOf(queued.delivery)));
      for (const queued of within(applied.newer)) (await splitIfOfSeveral(queued)) || leaveToNewer(queued);
      for (const queued of within(applied.damaged))
        await ((await splitIfOfSeveral(queued)) || setAside(queued, 'the log has another event of this version'));
      return committed.length;
    } catch (error) {
      if (!isRowRefused(error)) throw error;
      // One by one, to find the entry that cannot be applied and let the others through.
      let count = 0;
      if (batch.length > 1 || !distrust) for (const queued of batch) count += await apply([queued], true);
      // A duplicate may also come from another process that applied the same entry just now: the next attempt finds its events known.
      else
        for (const queued of batch)
          await ((await splitIfOfSeveral(queued)) || postpone(queued, safeMessage(error as Error)));
      return count;
    }
  };

  /** Applies one batch after the other, each when `due` resolves; without waiting once the writer closes. */
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
        // The batch held postponed deliveries alone. When the writer closes, they are left to the next process, in the outbox.
        if (closing) return;
        await sleep(POSTPONED_PAUSE_MS);
      } catch (err) {
        // Nothing is lost when the process ends here: the entries are in the outbox, and the next process applies them.
        log.warn({ err, queuedEvents: queue.size() }, 'MySQL batch failed; retrying');
        queue.giveBack(batch);
        // Wakes the other of the two loops, since this one may be the one that waits for a whole batch.
        wake();
        if (closing) return;
        await sleep(Math.min(100 * 2 ** failures++, LONGEST_PAUSE_MS));
      }
    }
  };

  let startedAt = 0;
  let gatheringMs = 0;
  /** Due after some gathering: a transaction has a fixed cost, however many events it holds. */
  const gathered = async () => {
    while (queue.waiting() === 0 && !closing) await woken();
    const early = startedAt + gatheringMs - performance.now();
    if (early > 0 && queue.waiting() < MAX_BATCH_EVENTS && !closing) await sleep(early);
    const now = performance.now();
    gatheringMs = gatheringAt(queue.waiting() / (now - startedAt));
    startedAt = now;
  };
  /** Due when a whole batch waits beside the one under way: Node writes statements while MySQL carries out others. */
  const full = async () => {
    while (queue.waiting() < MAX_BATCH_EVENTS && !closing) await woken();
  };

  const running = Promise.all([applyBatches(gathered), applyBatches(full)]);
  const writer: MysqlWriter = {
    enqueue(delivery, inlined) {
      // The publisher handles a rejection; the writer looks at the promise after the COMMIT.
      inlined.catch(() => {});
      if (queue.add(delivery, inlined, gate.shuts())) wake();
    },
    isQueued: queue.has,
    holds: (partition) => queue.holds([partition]),
    hasRoom: queue.hasRoom,
    async idle(partitions = allPartitions) {
      while (queue.holds(partitions)) {
        if (closing) throw new Error('the MySQL writer closes');
        await sleep(5);
      }
    },
  };
  const close: Closer = () => {
    closing = true;
    wake();
    return running.then(() => {});
  };
  return { writer, close };
}
