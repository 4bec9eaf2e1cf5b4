import type { DecidedEvent } from '../../events.ts';
import type { Delivery } from '../outbox.ts';
import type { RedisClock } from '../stores/redisClock.ts';
import type { Metrics } from './metrics.ts';
import type { Grab, Tracing } from './tracing.ts';

export interface GrabsOfCoupon {
  coupon: { seller: string; name: string };
  grabs: readonly { customer: string }[];
}

/** Measures and traces batches of grabs. It changes neither the result nor the failure of the work that it wraps. */
export interface BatchWatch {
  /** One call of the grab script, which was already sent. */
  grabScript<T>(coupons: readonly GrabsOfCoupon[], call: Promise<T>): Promise<T>;
  /** A decision of this process, before it is published. */
  decided(delivery: Delivery): void;
  /** One transaction of the MySQL projection, including its retries. */
  mysqlBatch<T>(batch: readonly Delivery[], transaction: () => Promise<T>): Promise<T>;
}

/** Measures nothing: for tests and benches. */
export const unwatched: BatchWatch = {
  grabScript: (_coupons, call) => call,
  decided: () => {},
  mysqlBatch: (_batch, transaction) => transaction(),
};

export function createBatchWatch(deps: { metrics: Metrics; tracing: Tracing; clock: RedisClock }): BatchWatch {
  const { metrics, tracing, clock } = deps;
  const secondsSince = (started: number) => (performance.now() - started) / 1_000;
  return {
    async grabScript(coupons, call) {
      const started = performance.now();
      const size = coupons.reduce((sum, { grabs }) => sum + grabs.length, 0);
      const grabs = () =>
        coupons.flatMap(({ coupon: { seller, name }, grabs }) =>
          grabs.map(({ customer }) => ({ customer, seller, name })),
        );
      try {
        return await tracing.batch('grabCoupon.lua', attributes('redis', size), grabs, () => call);
      } finally {
        metrics.grabBatch(size, secondsSince(started));
      }
    },
    decided({ events }) {
      const [first] = events;
      if (first !== undefined) metrics.countDecision(first.type, events.length);
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

/** Seconds since the entry was written, on the clock of Redis as the process last measured it. */
const ageOf = ({ entry }: Delivery, clock: RedisClock) =>
  Math.max(0, clock.earliest() / 1_000_000 - Number.parseInt(entry.id, 10) / 1_000);
