import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import { grabOutcomes } from '../../coupon/grabOutcomes.ts';
import { type DecidedEvent, decidedEventTypes } from '../../events.ts';
import type { Closer } from '../closers.ts';
import { type Latency, registerLatency } from './requestDurations.ts';
import { shareRuns } from './sharedRuns.ts';
import { openScrape } from './workersMetrics.ts';

/** All outcomes of a grab. Each has a series from the start, so that `rate` counts the first grab of each outcome too. */
const GRAB_OUTCOMES: readonly string[] = [
  ...grabOutcomes,
  'not-a-customer',
  'key-of-another-coupon',
  'too-many-keys',
  'unknown',
];
/** The limits whose answer is 429. */
const LIMITS = [
  'too-many-requests',
  'too-many-requests-of-address',
  'too-many-keys',
  'too-many-log-ins',
  'too-many-registrations',
  'too-many-streams-of-user',
  'too-many-streams-from-address',
  'too-many-event-readers',
] as const;
/** The connection was lost or failed, a command got no reply in time, Redis replied with an error. */
const REDIS_ERRORS = ['connection', 'timeout', 'refused'] as const;
/** The same for MySQL, and: a transaction that is retried; a row that exists already, which is more often a refusal than a fault. */
const MYSQL_ERRORS = ['connection', 'timeout', 'refused', 'lock-conflict', 'duplicate'] as const;
export type RedisErrorKind = (typeof REDIS_ERRORS)[number];
export type MysqlErrorKind = (typeof MYSQL_ERRORS)[number];

const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
const SIZES = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512];

export interface Metrics {
  /** For gauges that are read at each scrape. */
  register: Registry;
  contentType: string;
  /** Prometheus text: the sum of all server processes, and the state that they share in Redis. */
  text(): Promise<string>;
  /** `outcome`: the answer to the grab, or `unknown` for a 503. */
  countGrab(outcome: string): void;
  /** A request that was answered with 429: its outcome is the name of the limit. */
  countLimited(outcome: string): void;
  /** Events of one decision of this process, all of one type. */
  countDecision(event: DecidedEvent['type'], count: number): void;
  requests: Latency;
  /** One call of the grab script for `size` customers. */
  grabBatch(size: number, seconds: number): void;
  /** One transaction of the MySQL projection. */
  mysqlBatch(events: number, seconds: number): void;
  /** How long an event that was just committed existed only in Redis. */
  durable(seconds: number): void;
  reconciled(seconds: number): void;
  redisError(kind: RedisErrorKind): void;
  mysqlError(kind: MysqlErrorKind): void;
}

/** Opens the metrics of this process. `workers`: the configured number of processes. */
export function openMetrics({ workers }: { workers: number }): { metrics: Metrics; close: Closer } {
  const register = new Registry();
  const registers = [register];
  collectDefaultMetrics({ register });

  // Counted as plain numbers and passed to prom-client at the scrape, because prom-client hashes the labels at every call.
  const grabs = new Map(GRAB_OUTCOMES.map((outcome) => [outcome, 0]));
  new Counter({
    name: 'seckill_grabs_total',
    help: 'Grabs by outcome; unknown is a 503',
    labelNames: ['outcome'],
    registers,
    collect() {
      for (const [outcome, count] of grabs) {
        this.inc({ outcome }, count);
        grabs.set(outcome, 0);
      }
    },
  });
  const decisions = new Map(decidedEventTypes.map((type) => [type, 0]));
  new Counter({
    name: 'seckill_decisions_total',
    help: 'Decided events by type',
    labelNames: ['event'],
    registers,
    collect() {
      for (const [event, count] of decisions) {
        this.inc({ event }, count);
        decisions.set(event, 0);
      }
    },
  });
  const limited = new Counter({
    name: 'seckill_limited_requests_total',
    help: 'Requests that were answered with 429, by limit',
    labelNames: ['limit'],
    registers,
  });
  for (const limit of LIMITS) limited.inc({ limit }, 0);
  const histogram = (name: string, help: string, buckets: number[]) =>
    new Histogram({ name, help, buckets, registers });
  const grabBatchSize = histogram('seckill_grab_batch_size', 'Customers in one call of the grab script', SIZES);
  const grabBatchSeconds = histogram(
    'seckill_grab_batch_duration_seconds',
    'Duration of a call of the grab script',
    SECONDS,
  );
  const mysqlBatchSize = histogram('seckill_mysql_batch_size', 'Events in one transaction of the MySQL projection', [
    ...SIZES,
    1_024,
    2_048,
    4_096,
  ]);
  const mysqlBatchSeconds = histogram(
    'seckill_mysql_batch_duration_seconds',
    'Duration of a transaction of the MySQL projection',
    SECONDS,
  );
  const durable = histogram(
    'seckill_durable_lag_seconds',
    'Time from the decision to the COMMIT, for the first event of each transaction',
    [...SECONDS, 60, 600],
  );
  const reconciled = histogram(
    'seckill_reconcile_duration_seconds',
    'Time from a new connection to a write model that agrees with the log',
    [...SECONDS, 30, 60, 300],
  );
  const errorsOf = (name: string, help: string, kinds: readonly string[]) => {
    const counter = new Counter({ name, help, labelNames: ['kind'], registers });
    for (const kind of kinds) counter.inc({ kind }, 0);
    return counter;
  };
  const redisErrors = errorsOf('seckill_redis_errors_total', 'Redis errors by kind', REDIS_ERRORS);
  const mysqlErrors = errorsOf('seckill_mysql_errors_total', 'MySQL errors by kind', MYSQL_ERRORS);
  new Gauge({ name: 'seckill_workers', help: 'Server processes that replied to this scrape', registers }).set(1);
  new Gauge({
    name: 'seckill_workers_wanted',
    help: 'Server processes that should run (WORKERS)',
    registers,
    aggregator: 'max',
  }).set(workers);

  const { text, close } = openScrape(register);
  const metrics: Metrics = {
    register,
    contentType: register.contentType,
    // Collecting takes milliseconds in every process, and anyone who reaches the port can ask at any rate.
    text: shareRuns(text),
    countGrab: (outcome) => grabs.set(outcome, (grabs.get(outcome) ?? 0) + 1),
    countLimited: (limit) => limited.inc({ limit }),
    countDecision: (event, count) => decisions.set(event, (decisions.get(event) ?? 0) + count),
    requests: registerLatency(
      register,
      'seckill_http_request_duration_seconds',
      'Duration of a request, from its headers until the answer is passed to the connection, without the wait for its body',
    ),
    grabBatch(size, seconds) {
      grabBatchSize.observe(size);
      grabBatchSeconds.observe(seconds);
    },
    mysqlBatch(events, seconds) {
      mysqlBatchSize.observe(events);
      mysqlBatchSeconds.observe(seconds);
    },
    durable: (seconds) => durable.observe(seconds),
    reconciled: (seconds) => reconciled.observe(seconds),
    redisError: (kind) => redisErrors.inc({ kind }),
    mysqlError: (kind) => mysqlErrors.inc({ kind }),
  };
  return { metrics, close };
}
