import type { Redis } from 'ioredis';
import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import type { Gate } from './gate.ts';
import { keys } from './keys.ts';
import { deadLetterCount, outboxDepth } from './outbox.ts';
import type { OutboxLimit } from './outboxLimit.ts';
import type { RedisSafety } from './redisSafety.ts';

export interface Metrics {
  contentType: string;
  /** Prometheus text: this process, and what all processes share in Redis. */
  text(): Promise<string>;
  /** `outcome`: what the grab was answered, `unknown` for a 503. */
  countGrab(outcome: string): void;
}

export function createMetrics(deps: {
  redis: Redis;
  gate: Gate;
  outboxLimit: OutboxLimit;
  safety: RedisSafety;
}): Metrics {
  const { redis, gate, outboxLimit, safety } = deps;
  const register = new Registry();
  const registers = [register];
  collectDefaultMetrics({ register });
  const grabs = new Counter({ name: 'seckill_grabs_total', help: 'Grabs', labelNames: ['outcome'], registers });

  /** Read when somebody asks. What can't be read now (Redis is away) keeps its last value. */
  const gauge = (name: string, help: string, read: () => number | Promise<number>) =>
    new Gauge({
      name,
      help,
      registers,
      async collect() {
        try {
          this.set(await read());
        } catch {
          // seckill_gate_open says that Redis is away.
        }
      },
    });
  gauge('seckill_gate_open', '1 while this process takes grabs', () => (gate.reason() === undefined ? 1 : 0));
  gauge('seckill_outbox_entries', 'Outbox entries that MySQL does not have yet', () => outboxDepth(redis));
  gauge('seckill_outbox_limit', 'Outbox entries at which grabs are answered 503', () => outboxLimit.entries);
  gauge('seckill_outbox_full', '1 while grabs are answered 503 because of it', () => (outboxLimit.isFull() ? 1 : 0));
  gauge('seckill_dead_letters', 'Entries that could not be applied. Alarm above 0', () => deadLetterCount(redis));
  gauge('seckill_damaged_coupons', 'Coupons whose log has a gap. Alarm above 0', () =>
    redis.scard(keys.damagedCoupons),
  );
  gauge('seckill_redis_unsafe', '1 when Redis may lose what it acknowledged. Alarm', () => (safety.isUnsafe() ? 1 : 0));

  return {
    contentType: register.contentType,
    text: () => register.metrics(),
    countGrab: (outcome) => grabs.inc({ outcome }),
  };
}
