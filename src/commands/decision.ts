import type { Redis } from 'ioredis';
import { z } from 'zod';
import { unavailable } from '../http/errors.ts';
import type { Bus } from '../infra/bus.ts';
import type { Fence } from '../infra/fence.ts';
import type { Gate } from '../infra/gate.ts';
import { decodeEntry, type RawEntry } from '../infra/outbox.ts';
import type { OutboxLimit } from '../infra/outboxLimit.ts';
import { COMMAND_TIMEOUT_MS } from '../infra/stores/redis.ts';
import type { RedisClock } from '../infra/stores/redisClock.ts';
import type { BatchWatch } from '../infra/telemetry/batchWatch.ts';
import type { Log } from '../infra/telemetry/log.ts';

/** What a command handler needs to decide in Redis and to tell the rest of the system. */
export interface DecisionDeps {
  redis: Redis;
  clock: RedisClock;
  bus: Bus;
  gate: Gate;
  fence: Fence;
  outboxLimit: OutboxLimit;
  watch: BatchWatch;
  log: Log;
}

/** An entry as a script replies it and as XRANGE reads it. */
export const rawEntrySchema = z.tuple([z.string(), z.array(z.string())]);
/** What every deciding script may answer instead of a decision. */
export const undecidedSchema = z.tuple([z.enum(['fenced', 'late', 'full', 'damaged'])]);

/** Throws Unavailable where a decision can't even be asked for. */
export function mayDecide({ gate, outboxLimit }: Pick<DecisionDeps, 'gate' | 'outboxLimit'>): void {
  gate.mustBeOpen();
  outboxLimit.mustHaveRoom();
}

/**
 * The arguments that every deciding script begins with; throws like `mayDecide`. `since`: when whoever asks came, in milliseconds
 * of performance.now(). What they have waited by now is taken off their deadline.
 */
export function openDecision(deps: DecisionDeps, since = performance.now()): [deadline: string, outboxLimit: string] {
  mayDecide(deps);
  const waited = performance.now() - since;
  return [deps.clock.deadline(COMMAND_TIMEOUT_MS - waited), String(deps.outboxLimit.entries)];
}

/** Nothing was decided: throws Unavailable, and has mended what stood in the way. */
export function undecided({ fence, outboxLimit, clock }: DecisionDeps, why: z.infer<typeof undecidedSchema>[0]): never {
  switch (why) {
    case 'fenced':
      return fence.fenced();
    case 'full':
      return outboxLimit.full();
    case 'late':
      // Either Redis was held up, or its clock was set forward: then all would be late by what was measured before.
      clock.measure().catch(() => {});
      throw unavailable('Redis was held up for too long');
    case 'damaged':
      throw unavailable('the events of this coupon are damaged');
    default:
      return why satisfies never;
  }
}

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
