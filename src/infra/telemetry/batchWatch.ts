import type { DecidedEvent } from '../../events.ts';
import type { Delivery } from '../outbox.ts';
import type { RedisClock } from '../stores/redisClock.ts';
import type { Metrics } from './metrics.ts';
import type { Grab, Tracing } from './tracing.ts';

/** Looks on while many grabs are carried out together. What it wraps goes on as if nobody looked. */
export interface BatchWatch {
  /** One call of the grab script, which is under way. */
  grabScript<T>(
    coupon: { seller: string; name: string },
    asked: readonly { customer: string }[],
    call: Promise<T>,
  ): Promise<T>;
  /** One transaction of the MySQL projection, with the times that it had to go again. */
  mysqlBatch<T>(batch: readonly Delivery[], transaction: () => Promise<T>): Promise<T>;
}

/** For who decides without being watched: tests, mostly. */
export const unwatched: BatchWatch = {
  grabScript: (_coupon, _asked, call) => call,
  mysqlBatch: (_batch, transaction) => transaction(),
};

export function createBatchWatch(deps: { metrics: Metrics; tracing: Tracing; clock: RedisClock }): BatchWatch {
  const { metrics, tracing, clock } = deps;
  const secondsSince = (started: number) => (performance.now() - started) / 1_000;
  return {
    async grabScript({ seller, name }, asked, call) {
      const started = performance.now();
      const grabs = () => asked.map(({ customer }) => ({ customer, seller, name }));
      try {
        return await tracing.batch('grabCoupon.lua', attributes('redis', asked.length), grabs, () => call);
      } finally {
        metrics.grabBatch(asked.length, secondsSince(started));
      }
    },
    async mysqlBatch(batch, transaction) {
      const started = performance.now();
      const size = batch.reduce((sum, { events }) => sum + events.length, 0);
      const grabs = () => batch.flatMap(({ events }) => (events as DecidedEvent[]).flatMap(grabOf));
      try {
        const result = await tracing.batch('apply batch', attributes('mysql', size), grabs, transaction);
        const [first] = batch;
        if (first !== undefined) metrics.durable(ageOf(first, clock));
        return result;
      } finally {
        metrics.mysqlBatch(size, secondsSince(started));
      }
    },
  };
}

const attributes = (system: string, size: number) => ({ 'db.system.name': system, 'db.operation.batch.size': size });

const grabOf = ({ type, coupon: { seller, name }, data }: DecidedEvent): Grab[] =>
  type === 'CouponGrabbed' && 'customer' in data ? [{ customer: data.customer, seller, name }] : [];

/** Seconds since the entry was written. Both moments are on the clock of Redis; the process only knows what it showed last. */
const ageOf = ({ entry }: Delivery, clock: RedisClock) =>
  Math.max(0, Number(clock.deadline(0)) / 1_000_000 - Number.parseInt(entry.id, 10) / 1_000);
