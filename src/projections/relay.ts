import { setTimeout as sleep } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import type { Bus } from '../infra/bus.ts';
import type { Closer } from '../infra/closers.ts';
import { allPartitions, keys } from '../infra/keys.ts';
import { decodeEntry, entryKey, moveToDeadLetters, type RawEntry, readOutbox } from '../infra/outbox.ts';
import type { Log } from '../infra/telemetry/log.ts';
import type { NewerReleases } from '../infra/telemetry/newerReleases.ts';
import { NewerRelease } from '../newerRelease.ts';
import type { MysqlWriter } from './mysqlWriter.ts';

const SWEEP_EVERY_MS = 1_000;
/** While the writer's queue is full: emptying it takes less than a second. */
const FULL_PAUSE_MS = 50;
const DRAIN_LIMIT_MS = 15_000;
const PAGE = 500;

export interface Relay {
  /**
   * Resolves when MySQL has the whole queue of this process and, within a limit, the whole outbox. Nothing may be decided meanwhile:
   * new entries are parts of older ones. An entry that resists longer stays in the outbox and is logged: Redis is then ahead of the
   * log, which is no reason to stop selling.
   * Resolves to the error of an entry that waits for a newer release, if one does. Rejects when Redis fails or the relay closes.
   */
  drain(): Promise<NewerRelease | undefined>;
}

/** Publishes the entries that stay in the outbox again: those of a process that died, or whose queue had no room. */
export function startRelay(deps: {
  redis: Redis;
  bus: Bus;
  writer: MysqlWriter;
  newerReleases: NewerReleases;
  log: Log;
}) {
  const { redis, bus, writer, newerReleases, log } = deps;
  let closing = false;
  let wake = () => {};

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
  const sweep = async (partition: number, to: string) => {
    let after = '-';
    let found = 0;
    const newer: NewerRelease[] = [];
    while (!closing && writer.hasRoom()) {
      const page = await readOutbox(redis, partition, after, to, PAGE);
      const results = await Promise.allSettled(page.map((raw) => publishAgain(partition, raw)));
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

  const drainPartition = async (partition: number, limit: number) => {
    for (;;) {
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
      await sleep(20);
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
        const newest = await Promise.all(allPartitions.map(newestOf));
        for (const partition of allPartitions) {
          const to = leftOver[partition];
          if (to !== undefined) await sweep(partition, to);
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
    async drain() {
      const limit = performance.now() + DRAIN_LIMIT_MS;
      const newer = await Promise.all(allPartitions.map((partition) => drainPartition(partition, limit)));
      await writer.idle();
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
