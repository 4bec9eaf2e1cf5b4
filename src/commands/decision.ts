import type { Redis } from 'ioredis';
import { z } from 'zod';
import type { Bus } from '../infra/bus.ts';
import type { Gate } from '../infra/gate.ts';
import type { Log } from '../infra/log.ts';
import { decodeEntry, type RawEntry } from '../infra/outbox.ts';
import type { Fence } from '../projections/fence.ts';

/** What a command handler needs to decide in Redis and to tell the rest of the system. */
export interface DecisionDeps {
  redis: Redis;
  bus: Bus;
  gate: Gate;
  fence: Fence;
  log: Log;
}

/** An entry as a script replies it and as XRANGE reads it. */
export const rawEntrySchema = z.tuple([z.string(), z.array(z.string())]);

/**
 * Publishes what a script has decided. The decision stands whatever happens here: its entry is in the outbox, and what
 * nobody has applied is published again by the relay. So a failure is logged and changes no answer.
 */
export async function publishDecided(deps: Pick<DecisionDeps, 'bus' | 'log'>, partition: number, entry: RawEntry) {
  try {
    await deps.bus.publish(decodeEntry(partition, entry));
  } catch (err) {
    deps.log.warn({ err, entry: entry[0] }, 'a decision waits for the relay');
  }
}
