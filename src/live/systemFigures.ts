import type { Redis } from 'ioredis';
import type { Gate } from '../infra/gate.ts';
import { outboxAge, outboxDepth } from '../infra/outbox.ts';
import type { SystemFigures } from './figures.ts';

const OUTBOX_INTERVAL_MS = 500;

/** The figures that all boards share: the state of the gate, and the outbox as last read from Redis. */
export function createSystemFigures({ redis, gate }: { redis: Redis; gate: Gate }) {
  let outbox: SystemFigures['outbox'] = { entries: 0, oldestMs: 0 };
  let readAt = 0;
  /** Grabs have arrived that may be younger than the outbox as it was read. */
  let hasNewGrabs = false;
  return {
    current: (): SystemFigures => ({
      outbox,
      durable: outbox.entries === 0 && !hasNewGrabs,
      shut: gate.reason() ?? null,
    }),
    wasRead: () => readAt > 0,
    onGrabs() {
      hasNewGrabs = true;
    },
    async refreshIfDue(): Promise<void> {
      const now = performance.now();
      if (now - readAt <= OUTBOX_INTERVAL_MS) return;
      readAt = now;
      // A grab that arrives during the reading counts as new again.
      const hadNewGrabs = hasNewGrabs;
      hasNewGrabs = false;
      try {
        const entries = await outboxDepth(redis);
        outbox = { entries, oldestMs: entries === 0 ? 0 : Math.floor((await outboxAge(redis)) * 1_000) };
      } catch (error) {
        hasNewGrabs ||= hadNewGrabs;
        throw error;
      }
    },
  };
}
