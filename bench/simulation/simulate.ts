import { uniformInt } from 'pure-rand/distribution/uniformInt';
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus';
import { PARTITIONS } from '../../src/infra/keys.ts';
import { type Costs, costOf, fitLine, type Line } from '../capacity/costs.ts';
import { percentile } from '../figures/statistics.ts';
import { createAppProcess, type ProcessCosts } from './appProcess.ts';
import { createClock } from './clock.ts';
import { createMachine, createThread } from './machine.ts';
import { createMysqlServer, createRedisShard } from './stores.ts';

// Winning grabs in simulated time, event by event: app processes with their lines and rounds, Redis, MySQL.

export interface SimulatedCosts extends ProcessCosts {
  syncUs: number;
  tripUs: number;
  mysql: Line;
  /** Of a transaction: the time that nobody computes, such as the sync of MySQL's log. */
  mysqlWaitUs: number;
  loadUs: number;
}

export interface Arrangement {
  processes: number;
  /** Redis masters. Partitions are spread over them in turn. */
  shards: number;
  coupons: number;
  /** Either this many connections, each of which sends its next grab after the answer, or a rate of grabs a second. */
  crowd: { connections: number } | { perSecond: number };
  /** Cores that app processes, stores and load share; without it, each has as many as it can use. */
  cores?: number;
  /** Cores of MySQL, if it has a machine of its own. */
  mysqlCores?: number;
}

export interface Simulated {
  perSecond: number;
  shedPerSecond: number;
  p50Ms: number;
  p99Ms: number;
  grabsPerCall: number;
  /** The share of the time in which the busiest of its kind was busy; for MySQL, of one core. */
  busy: { node: number; redis: number; mysql: number };
  counts: { sent: number; answered: number; shed: number; underWay: number; decided: number; logged: number };
}

/** `seconds` are simulated, after a quarter of them as a warm-up that is not counted. */
export function simulate(
  costs: SimulatedCosts,
  arrangement: Arrangement,
  { seconds, seed }: { seconds: number; seed: number },
): Simulated {
  const { processes, coupons, crowd, cores } = arrangement;
  const clock = createClock();
  const shared = createMachine(cores ?? Number.POSITIVE_INFINITY);
  const mysqlMachine = arrangement.mysqlCores === undefined ? shared : createMachine(arrangement.mysqlCores);
  const shards = Array.from({ length: arrangement.shards }, () => createRedisShard(clock, shared, costs));
  const isOneCoupon = coupons === 1;
  const mysqlCosts = { cost: costs.mysql, waitUs: costs.mysqlWaitUs, isOneCoupon };
  const mysql = createMysqlServer(clock, mysqlMachine, mysqlCosts);
  const shardOf = (partition: number) => shards[partition % shards.length] as (typeof shards)[number];
  const apps = Array.from({ length: processes }, () =>
    createAppProcess(clock, shared, { shardOf, shards, mysql }, costs),
  );
  const load = createThread(clock, cores === undefined ? createMachine(Number.POSITIVE_INFINITY) : shared);
  const random = xoroshiro128plus(seed);
  /** A number above 0 and up to 1. */
  const chance = () => uniformInt(random, 1, 1 << 30) / (1 << 30);

  const counts = { sent: 0, answered: 0, shed: 0 };
  let times: number[] = [];
  const send = (place: number, then: () => void) => {
    const app = apps[place % apps.length] as (typeof apps)[number];
    const coupon = coupons === 1 ? 0 : uniformInt(random, 0, coupons - 1);
    const sentAt = clock.now();
    counts.sent++;
    app.grab({
      partition: coupon % PARTITIONS,
      answer(isShed) {
        counts[isShed ? 'shed' : 'answered']++;
        if (!isShed) times.push(clock.now() - sentAt);
        then();
      },
    });
  };
  if ('connections' in crowd) {
    const connect = (place: number) => load.run(costs.loadUs, () => send(place, () => connect(place)));
    for (let place = 0; place < crowd.connections; place++) connect(place);
  } else {
    const arrive = () => {
      send(counts.sent, () => {});
      clock.after((-Math.log(chance()) * 1e6) / crowd.perSecond, arrive);
    };
    arrive();
  }

  const read = () => ({
    ...counts,
    decided: apps.reduce((sum, app) => sum + app.counts.decided, 0),
    calls: apps.reduce((sum, app) => sum + app.counts.calls, 0),
    logged: apps.reduce((sum, app) => sum + app.counts.logged, 0),
    node: apps.map((app) => app.busyUs()),
    redis: shards.map((shard) => shard.busyUs()),
    mysql: [mysql.busyUs()],
  });
  clock.runUntil(seconds * 0.25e6);
  const before = read();
  times = [];
  clock.runUntil(seconds * 1.25e6);
  const after = read();
  const busyOf = (part: 'node' | 'redis' | 'mysql') =>
    Math.max(...after[part].map((us, place) => us - (before[part][place] ?? 0))) / (seconds * 1e6);
  const sorted = Float64Array.from(times).sort();
  return {
    perSecond: (after.answered - before.answered) / seconds,
    shedPerSecond: (after.shed - before.shed) / seconds,
    p50Ms: percentile(sorted, 0.5) / 1_000,
    p99Ms: percentile(sorted, 0.99) / 1_000,
    grabsPerCall: (after.decided - before.decided) / Math.max(1, after.calls - before.calls),
    busy: { node: busyOf('node'), redis: busyOf('redis'), mysql: busyOf('mysql') },
    counts: {
      ...counts,
      underWay: counts.sent - counts.answered - counts.shed,
      decided: after.decided,
      logged: after.logged,
    },
  };
}

/** The costs of a simulation from those measured. */
export function simulatedCosts({ wins, redis, mysql }: Costs): SimulatedCosts {
  // Node was measured in running systems with rounds of different sizes. Its projection is a part of each grab.
  const node = fitLine(
    Object.values(wins).map(({ nodeUs, grabsPerCall }) => ({ grabs: grabsPerCall, us: nodeUs * grabsPerCall })),
  );
  return {
    node,
    ...{ decide: redis.decide, views: redis.views, forget: redis.forget, syncUs: redis.syncUs, tripUs: redis.tripUs },
    mysql: mysql.cpu,
    mysqlWaitUs: Math.max(0, costOf(mysql.wall, 0) - costOf(mysql.cpu, 0) - costOf(mysql.node, 0)),
    loadUs: wins.one.loadUs,
  };
}
