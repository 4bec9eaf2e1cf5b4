import { setTimeout as sleep } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import type { Bus } from '../infra/bus.ts';
import type { Closer } from '../infra/closers.ts';
import { allPartitions, keys } from '../infra/keys.ts';
import { decodeEntry, type EntryRef, entryKey, moveToDeadLetters, type RawEntry, readOutbox } from '../infra/outbox.ts';
import type { Log } from '../infra/telemetry/log.ts';
import type { NewerReleases } from '../infra/telemetry/newerReleases.ts';
import { NewerRelease } from '../newerRelease.ts';
import type { MysqlWriter } from './mysqlWriter.ts';

const SWEEP_EVERY_MS = 1_000;
/** While the writer's queue is full: emptying it takes less than a second. */
const FULL_PAUSE_MS = 50;
const DRAIN_LIMIT_MS = 15_000;
const DRAIN_PAUSE_MS = 20;
/** After so many sweeps whose entries were all applied, it does not wait any longer for them to be deleted. */
const UNDELETED_LIMIT = 5;
const PAGE = 500;

export interface Relay {
  /**
   * Resolves when MySQL has what this process has queued of these partitions and, within a limit, all of their outboxes. Nothing may be
   * decided there meanwhile: new entries are parts of older ones. An entry that resists longer stays in the outbox and is logged: Redis is then ahead of the
   * log, which is no reason to stop selling.
   * Resolves to the error of an entry that waits for a newer release, if one does. Rejects when Redis fails or the relay closes.
   */
  drain(partitions: readonly number[]): Promise<NewerRelease | undefined>;
}

/** Publishes the entries that stay in the outbox again: those of a process that died, or whose queue had no room. */
export function startRelay(deps: {
  redis: Redis;
  bus: Bus;
  writer: MysqlWriter;
  /** Whether all of Redis can be read and written. */
  isWhole: () => boolean;
  newerReleases: NewerReleases;
  log: Log;
}) {
  const { redis, bus, writer, isWhole, newerReleases, log } = deps;
  let closing = false;
  let wake = () => {};
  const waiting = new Set<string>();

  /** Resolves to an error if the entry waits for a newer release. */
  const publishAgain = async (partition: number, raw: RawEntry): Promise<NewerRelease | undefined> => {
    const entry = { partition, id: raw[0] };
    // A page may hold more than the queue has room for; the next sweep publishes the rest.
    if (writer.isQueued(entry) || !writer.hasRoom()) return undefined;
    let delivery: ReturnType<typeof decodeEntry>;
    try {
      delivery = decodeEntry(partition, raw);
    } catch (err) {
      if (err instanceof NewerRelease) {
        newerReleases.note(entryKey(entry), err);
        return err;
      }
      log.error({ err, entry }, 'dead letter: an outbox entry cannot be read');
      await moveToDeadLetters(redis, entry, `unreadable: ${(err as Error).message}`);
      return undefined;
    }
    await bus.publish(delivery);
    return undefined;
  };

  // Page by page up to `to`, past entries that stay: an entry that cannot be applied yet must not hide those after it.
  // Resolves to the number of entries that it found, and to the errors of those that wait for a newer release.
  const sweep = async (partition: number, to: string, skip: (entry: EntryRef) => boolean = () => false) => {
    let after = '-';
    let found = 0;
    const newer: NewerRelease[] = [];
    while (!closing && writer.hasRoom()) {
      const page = await readOutbox(redis, partition, after, to, PAGE);
      const due = page.filter(([id]) => !skip({ partition, id }));
      const results = await Promise.allSettled(due.map((raw) => publishAgain(partition, raw)));
      const failures = results.filter(({ status }) => status === 'rejected');
      if (failures.length > 0)
        log.warn({ partition, failures: failures.length, first: failures[0] }, 'entries stay in the outbox');
      for (const result of results) if (result.status === 'fulfilled' && result.value) newer.push(result.value);
      found += page.length;
      const last = page.at(-1);
      if (last === undefined || page.length < PAGE) break;
      after = last[0];
    }
    return { found, newer };
  };

  const newestOf = async (partition: number) => {
    const [newest] = (await redis.xrevrange(keys.outbox(partition), '+', '-', 'COUNT', 1)) as RawEntry[];
    return newest?.[0];
  };
  /** By partition; undefined for one that is empty or whose Redis is away. Rejects when that of all is. */
  const newestOfAll = async () => {
    const found = await Promise.allSettled(allPartitions.map(newestOf));
    if (found.every(({ status }) => status === 'rejected')) throw (found[0] as PromiseRejectedResult).reason;
    return found.map((newest) => (newest.status === 'fulfilled' ? newest.value : undefined));
  };
  /**
   * An entry stays in the outbox until its views are written, and the Redis of a view may be away for long. Until all are there, each entry
   * is published once, so that MySQL is not asked again and again for events that it has.
   */
  const publishedOnce = () => {
    if (!isWhole())
      return ({ partition, id }: EntryRef) => waiting.size === waiting.add(entryKey({ partition, id })).size;
    waiting.clear();
    return undefined;
  };

  const drainPartition = async (partition: number, limit: number) => {
    for (let undeleted = 0; ; ) {
      if (closing) throw new Error('the relay closes');
      const { found, newer } = await sweep(partition, '+');
      // Nothing is left that this process could apply.
      if (newer.length > 0 && newer.length === found) return newer[0];
      const [oldest] = await readOutbox(redis, partition, '-', '+', 1);
      if (oldest === undefined) return undefined;
      if (performance.now() > limit) {
        log.error({ partition, oldest }, 'the outbox does not drain');
        return newer[0];
      }
      const isWholeSweep = writer.hasRoom();
      do await sleep(DRAIN_PAUSE_MS);
      while (writer.holds(partition) && performance.now() < limit);
      // MySQL has what is left then: an entry is deleted later when its views lie on another Redis that is away or lacks a replica.
      if (isWholeSweep && !writer.holds(partition) && ++undeleted > UNDELETED_LIMIT) return newer[0];
    }
  };

  const run = async () => {
    // At the start every entry is a left-over, since this process has decided nothing yet. Later, the left-overs are the entries that
    // the last sweep but one found; a younger entry is on its way in the process that decided it. No clock is read: it may be set back.
    let leftOver: (string | undefined)[] = allPartitions.map(() => '+');
    let younger: (string | undefined)[] = [];
    while (!closing) {
      let pause = SWEEP_EVERY_MS;
      try {
        const newest = await newestOfAll();
        const skip = publishedOnce();
        for (const partition of allPartitions) {
          const to = leftOver[partition];
          if (to !== undefined && newest[partition] !== undefined) await sweep(partition, to, skip);
        }
        // With a full queue, the same sweep goes on as soon as there is room again.
        if (!writer.hasRoom()) pause = FULL_PAUSE_MS;
        else [leftOver, younger] = [younger, newest];
      } catch (err) {
        log.warn({ err }, 'relay sweep failed; retrying');
      }
      if (closing) return;
      await Promise.race([sleep(pause, undefined, { ref: false }), new Promise<void>((resolve) => (wake = resolve))]);
    }
  };

  const running = run();
  const relay: Relay = {
    async drain(partitions) {
      const limit = performance.now() + DRAIN_LIMIT_MS;
      const newer = await Promise.all(partitions.map((partition) => drainPartition(partition, limit)));
      await writer.idle(partitions);
      return newer.find((error) => error !== undefined);
    },
  };
  const close: Closer = () => {
    closing = true;
    wake();
    return running;
  };
  return { relay, close };
}
