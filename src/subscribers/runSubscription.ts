import { setTimeout as sleep } from 'node:timers/promises';
import type { Mysql } from '../infra/stores/mysql.ts';
import type { Log } from '../infra/telemetry/log.ts';
import { safeMessage } from '../infra/telemetry/safeError.ts';
import { type Checkpoint, loadCheckpoint, saveCheckpoint, saveFailure } from './checkpoints.ts';
import { createEventReader } from './eventPages.ts';
import type { Horizon } from './horizon.ts';
import type { Receiver } from './receiver.ts';
import type { Held } from './subscriptionLease.ts';
import type { SubscriptionWatch } from './subscriptionMetrics.ts';

const MAX_BATCH = 500;
/** After a failure the batch gets smaller, so that an event that the receiver cannot take is soon the first and only one in it. */
const SHRINK = 10;
const FIRST_PAUSE_MS = 500;
const MAX_PAUSE_MS = 60_000;
/** How soon a retry, skip or rewind of an operator takes effect. */
const LOOK_EVERY_MS = 500;

export interface Subscription {
  name: string;
  receiver: Receiver;
  mysql: Mysql;
  horizon: Horizon;
  watch: SubscriptionWatch;
  log: Log;
}

/**
 * Delivers the events behind the checkpoint, in order and at least once, until the lease is lost. The checkpoint moves when the receiver
 * has taken a batch, so after a crash the next process delivers that batch again. Throws when MySQL fails.
 */
export async function runSubscription(subscription: Subscription, held: Held): Promise<void> {
  const { name, receiver, mysql, horizon, watch, log } = subscription;
  const reader = createEventReader();
  let size = MAX_BATCH;
  try {
    while (!held.signal.aborted) {
      const upTo = await horizon.next();
      const checkpoint = await loadCheckpoint(mysql, name);
      const { position, failures } = checkpoint;
      watch.state({ lag: Math.max(0, upTo - position), failures });
      if (position >= upTo) continue;
      const { events, next } = await reader.read(async (statement) => (await mysql.raw(statement))[0], {
        after: position,
        horizon: upTo,
        limit: size,
      });
      await held.confirm();
      try {
        if (events.length > 0) await receiver.deliver(events);
      } catch (err) {
        size = Math.max(1, Math.floor(events.length / SHRINK));
        log.warn({ err, subscription: name, event: events[0]?.id }, 'delivery of events failed; retrying');
        await saveFailure(mysql, name, checkpoint, safeMessage(err as Error));
        watch.failed();
        watch.state({ lag: upTo - position, failures: failures + 1 });
        await pause(subscription, { position, failures: failures + 1 }, held.signal);
        continue;
      }
      await saveCheckpoint(mysql, name, position, next);
      watch.delivered(events.length);
      size = Math.min(MAX_BATCH, size * 2);
    }
  } finally {
    watch.state({ lag: 0, failures: 0 });
  }
}

/** Waits before the next attempt: longer after each failure, and with jitter. Ends as soon as an operator has changed the checkpoint. */
async function pause({ mysql, name }: Subscription, known: Checkpoint, signal: AbortSignal): Promise<void> {
  const longest = Math.min(MAX_PAUSE_MS, FIRST_PAUSE_MS * 2 ** Math.min(known.failures - 1, 10));
  const until = performance.now() + longest * (0.5 + Math.random() / 2);
  while (!signal.aborted && performance.now() < until) {
    const ms = Math.min(LOOK_EVERY_MS, Math.max(0, until - performance.now()));
    await sleep(ms, undefined, { signal }).catch(() => {});
    const { position, failures } = await loadCheckpoint(mysql, name);
    if (position !== known.position || failures !== known.failures) return;
  }
}
