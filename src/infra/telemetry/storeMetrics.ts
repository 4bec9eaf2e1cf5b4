import type { Redis } from 'ioredis';
import { Gauge, type Registry } from 'prom-client';
import type { Gate } from '../gate.ts';
import { keys } from '../keys.ts';
import { deadLetterCount, outboxAge, outboxDepth } from '../outbox.ts';
import type { OutboxLimit } from '../outboxLimit.ts';
import type { NewerReleases } from './newerReleases.ts';

/**
 * Gauges of the state of the system, read at each scrape. Every process reads the shared state in Redis for itself, so the workers'
 * values are aggregated by maximum and not added up; the gate counts as shut when one process has it shut. Listeners are added up.
 */
export function registerStoreMetrics(
  register: Registry,
  deps: {
    redis: Redis;
    gate: Gate;
    outboxLimit: OutboxLimit;
    isUnsafe: () => boolean;
    openPartitions: () => number;
    areReplicasEnough: () => boolean;
    newerReleases: NewerReleases;
    listeners: () => number;
  },
): void {
  const { redis, gate, outboxLimit, newerReleases, listeners } = deps;
  const { isUnsafe, openPartitions, areReplicasEnough } = deps;
  const gauge = (name: string, help: string, aggregator: 'max' | 'min' | 'sum', read: () => number | Promise<number>) =>
    new Gauge({
      name,
      help,
      aggregator,
      registers: [register],
      async collect() {
        try {
          this.set(await read());
        } catch {
          // While Redis is down, the last value stays, and seckill_gate_open is 0.
        }
      },
    });
  gauge('seckill_gate_open', '1 while every process takes grabs', 'min', () => (gate.isOpen() ? 1 : 0));
  gauge('seckill_partitions_open', 'Partitions of coupons whose grabs every process takes', 'min', openPartitions);
  gauge('seckill_outbox_entries', 'Outbox entries that MySQL does not have yet', 'max', () => outboxDepth(redis));
  gauge('seckill_outbox_age_seconds', 'Age of the oldest outbox entry on the clock of Redis', 'max', () =>
    outboxAge(redis),
  );
  gauge('seckill_outbox_limit', 'Number of outbox entries at which grabs get 503', 'max', () => outboxLimit.entries);
  gauge('seckill_outbox_full', '1 while grabs get 503 because the outbox is full', 'max', () =>
    outboxLimit.isFull() ? 1 : 0,
  );
  gauge('seckill_dead_letters', 'Outbox entries that could not be applied. Alarm above 0', 'max', () =>
    deadLetterCount(redis),
  );
  gauge('seckill_damaged_coupons', 'Coupons with a damaged event log. Alarm above 0', 'max', () =>
    redis.scard(keys.damagedCoupons),
  );
  gauge('seckill_redis_unsafe', '1 when Redis may lose acknowledged writes. Alarm above 0', 'max', () =>
    isUnsafe() ? 1 : 0,
  );
  gauge('seckill_replicas_confirm', '0 while grabs get 503 because too few replicas of Redis confirm', 'min', () =>
    areReplicasEnough() ? 1 : 0,
  );
  gauge(
    'seckill_left_to_newer_release',
    'Entries and readers of events that wait for a process of a newer release. Alarm if it stays above 0',
    'max',
    newerReleases.count,
  );
  gauge('seckill_live_listeners', 'Open streams of live figures', 'sum', listeners);
}
