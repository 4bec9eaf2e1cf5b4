import type { Redis } from 'ioredis';
import type { DecidedEvent } from '../events.ts';
import { keys } from '../infra/keys.ts';
import type { Delivery } from '../infra/outbox.ts';
import { runScript } from '../infra/scripts.ts';
import type { Log } from '../infra/telemetry/log.ts';

/**
 * Makes Redis forget the events of committed deliveries that later decisions would carry as `prior`. Resolves to the deliveries whose
 * entries may be deleted: without its entry, an event that was not confirmed would be carried for ever.
 */
export async function confirmLogged(
  { redis, log }: { redis: Redis; log: Log },
  committed: readonly Delivery[],
): Promise<Set<Delivery>> {
  const results = await Promise.allSettled(committed.map(({ events }) => confirmAll(redis, events)));
  const failed = results.find(({ status }) => status === 'rejected');
  if (failed !== undefined) log.warn({ err: (failed as PromiseRejectedResult).reason }, 'entries stay in the outbox');
  return new Set(committed.filter((_, place) => results[place]?.status === 'fulfilled'));
}

/** Undefined for grabs, which no later event carries; most batches need no script call. */
function confirmAll(redis: Redis, events: readonly DecidedEvent[]): Promise<unknown> | undefined {
  const carried = events.filter(({ type }) => type !== 'CouponGrabbed');
  if (carried.length === 0) return undefined;
  return Promise.all(
    carried.map(({ coupon, version, data }) => {
      const unlogged = [keys.unloggedChanges(coupon), keys.unloggedPieces(coupon)];
      const code = 'code' in data ? (data.code ?? '') : '';
      return runScript(redis, 'confirmLogged', unlogged, [String(version), code]);
    }),
  );
}
