import { Counter, Gauge, type Registry } from 'prom-client';

/** What one subscription reports. */
export interface SubscriptionWatch {
  /** Only the process that works for the subscription has other values than 0. */
  state(state: { lag: number; failures: number }): void;
  delivered(events: number): void;
  failed(): void;
}

/** Every name has its series from the start, so that alerts see the first failure too. */
export function registerSubscriptions(register: Registry, names: readonly string[]) {
  const labelled = { labelNames: ['subscription'], registers: [register] };
  const lag = new Gauge({
    name: 'seckill_subscription_lag_events',
    help: 'Positions of the event log that the subscription has still to deliver',
    ...labelled,
  });
  const failures = new Gauge({
    name: 'seckill_subscription_failures',
    help: 'Deliveries that failed since the last one that succeeded',
    ...labelled,
  });
  const delivered = new Counter({
    name: 'seckill_subscription_delivered_total',
    help: 'Events that the receiver has taken, repeated ones included',
    ...labelled,
  });
  const failed = new Counter({
    name: 'seckill_subscription_failed_total',
    help: 'Deliveries that failed',
    ...labelled,
  });
  for (const subscription of names) {
    for (const gauge of [lag, failures]) gauge.set({ subscription }, 0);
    for (const counter of [delivered, failed]) counter.inc({ subscription }, 0);
  }
  return (subscription: string): SubscriptionWatch => ({
    state(state) {
      lag.set({ subscription }, state.lag);
      failures.set({ subscription }, state.failures);
    },
    delivered: (events) => delivered.inc({ subscription }, events),
    failed: () => failed.inc({ subscription }),
  });
}
