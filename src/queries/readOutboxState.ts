import type { Redis } from 'ioredis';
import { allPartitions, keys } from '../infra/keys.ts';
import { type RawEntry, readOutbox } from '../infra/outbox.ts';

export interface OutboxState {
  /** Entries that MySQL does not have yet. */
  entries: number;
  /** Age of the oldest, in milliseconds on the clock of Redis. */
  oldestMs: number;
}

/** How far MySQL is behind. */
export async function readOutboxState(redis: Redis): Promise<OutboxState> {
  const depths = await Promise.all(allPartitions.map((partition) => redis.xlen(keys.outbox(partition))));
  const entries = depths.reduce((sum, depth) => sum + depth, 0);
  if (entries === 0) return { entries, oldestMs: 0 };
  const filled = allPartitions.filter((partition) => (depths[partition] ?? 0) > 0);
  const [[seconds, microseconds], ...oldest] = await Promise.all([
    redis.time(),
    ...filled.map((partition) => readOutbox(redis, partition, '-', '+', 1)),
  ]);
  const now = Number(seconds) * 1_000 + Math.floor(Number(microseconds) / 1_000);
  const since = oldest.flat().map(([id]: RawEntry) => Number(id.split('-')[0]));
  return { entries, oldestMs: Math.max(0, now - Math.min(now, ...since)) };
}
