import type { Redis } from 'ioredis';
import type { Gate } from '../infra/gate.ts';
import { outboxAge, outboxDepth } from '../infra/outbox.ts';
import type { SystemFigures } from './figures.ts';

const OUTBOX_INTERVAL_MS = 500;

/** The figures that all boards share: the state of the gate, and the outbox as last read from Redis. */
export function createSystemFigures({ redis, gate }: { redis: Redis; gate: Gate }) {
  let outbox: SystemFigures['outbox'] = { entries: 0, oldestMs: 0 };
  let readAt = 0;
  return {
    current: (): SystemFigures => ({ outbox, durable: outbox.entries === 0, shut: gate.reason() ?? null }),
    wasRead: () => readAt > 0,
    async refreshIfDue(): Promise<void> {
      const now = performance.now();
      if (now - readAt <= OUTBOX_INTERVAL_MS) return;
      readAt = now;
      const entries = await outboxDepth(redis);
      outbox = { entries, oldestMs: entries === 0 ? 0 : Math.floor((await outboxAge(redis)) * 1_000) };
    },
  };
}
