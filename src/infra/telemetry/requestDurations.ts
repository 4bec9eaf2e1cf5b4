import type { Metric, Registry } from 'prom-client';

/** Seconds: from a refusal that is repeated without Redis to the timeout of a Redis command. */
const BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5];
const CLASSES = ['1xx', '2xx', '3xx', '4xx', '5xx'] as const;

/** For one route and method, by class of status: the number of requests in each bucket, the last of which has no upper bound. */
type Series = { counts: number[]; sum: number }[];

export interface Latency {
  observe(route: string, method: string, status: number, seconds: number): void;
}

/**
 * A histogram that counts in plain arrays and is converted to Prometheus values at the scrape: `observe` of prom-client costs a
 * microsecond, with bound labels or without, while a whole refusal costs some tens. `route` and `method` must come from a bounded set.
 */
export function registerLatency(register: Registry, name: string, help: string): Latency {
  const series = new Map<string, Map<string, Series>>();
  const open = (route: string, method: string): Series => {
    const methods = series.get(route) ?? new Map<string, Series>();
    const opened = CLASSES.map(() => ({ counts: [...BUCKETS, Number.POSITIVE_INFINITY].map(() => 0), sum: 0 }));
    series.set(route, methods.set(method, opened));
    return opened;
  };

  const valuesOf = (labels: Record<string, string>, { counts, sum }: Series[number]) => {
    let below = 0;
    const buckets = counts.map((count, place) => {
      below += count;
      return {
        metricName: `${name}_bucket`,
        labels: { ...labels, le: String(BUCKETS[place] ?? '+Inf') },
        value: below,
      };
    });
    if (below === 0) return [];
    return [
      ...buckets,
      { metricName: `${name}_sum`, labels, value: sum },
      { metricName: `${name}_count`, labels, value: below },
    ];
  };
  const metric = {
    name,
    help,
    type: 'histogram',
    aggregator: 'sum',
    get: async () => ({
      name,
      help,
      type: 'histogram',
      aggregator: 'sum',
      values: [...series].flatMap(([route, methods]) =>
        [...methods].flatMap(([method, classes]) =>
          classes.flatMap((one, place) => valuesOf({ route, method, status: CLASSES[place] ?? '' }, one)),
        ),
      ),
    }),
  };
  // The registry uses nothing else of a metric, but its types accept only the classes of prom-client.
  register.registerMetric(metric as unknown as Metric);

  return {
    observe(route, method, status, seconds) {
      const one = (series.get(route)?.get(method) ?? open(route, method))[Math.floor(status / 100) - 1];
      if (one === undefined) return;
      let place = 0;
      while (seconds > (BUCKETS[place] ?? Number.POSITIVE_INFINITY)) place++;
      one.counts[place] = (one.counts[place] ?? 0) + 1;
      one.sum += seconds;
    },
  };
}
