import { Counter, Gauge, type Registry } from 'prom-client';
import type { Attempt } from './attempt.ts';
import type { EndpointState } from './endpoints.ts';

/** What the deliveries to all endpoints report together: a label for each endpoint would have no bound. */
export interface WebhookWatch {
  attempted(outcome: Attempt['outcome']): void;
  /** An endpoint is switched off. */
  disabled(): void;
  /** Only the process that delivers has other values than 0. */
  endpoints(counts: Record<EndpointState, number>): void;
  lag(positions: number): void;
}

export function registerWebhooks(register: Registry): WebhookWatch {
  const registers = [register];
  const attempts = new Counter({
    name: 'seckill_webhook_attempts_total',
    help: 'Events sent to endpoints, by how the request ended',
    labelNames: ['outcome'],
    registers,
  });
  const disabled = new Counter({
    name: 'seckill_webhook_disabled_total',
    help: 'Endpoints that were switched off because all attempts of a day had failed, or because they answered 410',
    registers,
  });
  const endpoints = new Gauge({
    name: 'seckill_webhook_endpoints',
    help: 'Endpoints by state',
    labelNames: ['state'],
    registers,
  });
  const lag = new Gauge({
    name: 'seckill_webhook_lag_events',
    help: 'Positions of the event log that the endpoint furthest behind has still to pass; paused endpoints are left out',
    registers,
  });
  for (const outcome of ['taken', 'refused', 'gone'] as const) attempts.inc({ outcome }, 0);
  const setEndpoints: WebhookWatch['endpoints'] = (counts) => {
    for (const [state, count] of Object.entries(counts)) endpoints.set({ state }, count);
  };
  setEndpoints({ active: 0, paused: 0, disabled: 0 });
  return {
    attempted: (outcome) => attempts.inc({ outcome }),
    disabled: () => disabled.inc(),
    endpoints: setEndpoints,
    lag: (positions) => lag.set(positions),
  };
}
