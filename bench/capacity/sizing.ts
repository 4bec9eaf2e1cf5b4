import { type Costs, costOf } from './costs.ts';

// How many machines a sale needs: what is asked for, times what it costs.

export interface Demand {
  /** Winning grabs a second. */
  grabs: number;
  /** Pages of a seller a second. */
  looks: number;
  /** Grabs a second that come too late. */
  late: number;
  /** Customers who hold a piece in the end. */
  customers: number;
  /** The share of the winning grabs that want the hottest coupon, from 0 to 1. */
  hottest: number;
}

export interface Machines {
  /** Cores of one machine for app processes. */
  cores: number;
  /** The share of a core that may be busy: the rest is for peaks. */
  busy: number;
}

export interface Size {
  app: { cores: number; processes: number; machines: number };
  redis: { cores: number; masters: number; hottestCores: number; memoryBytes: number };
  mysql: { cores: number; diskBytes: number; behindPerSecond: number };
  network: { outsideBits: number; insideBits: number };
}

/** Events of a full transaction of the projection, and grabs of a full round. */
export const FULL_BATCH = 2_048;
export const FULL_ROUND = 512;

/**
 * Grabs that share a call, if each process sends one call in a turn of Redis. The more grabs, the longer a turn, and the more of them
 * are in the next one; so a busy Redis has large calls, up to a full round.
 */
export function grabsPerCallAt({ redis }: Costs, grabs: number, processes: number): number {
  const lines = [redis.decide, redis.views, redis.forget];
  const [callUs, eachUs] = [sum(lines.map((line) => line.callUs)), sum(lines.map((line) => line.eachUs))];
  const idle = 1 - (grabs * eachUs) / 1e6;
  if (idle <= 0) return FULL_ROUND;
  const turnUs = (redis.tripUs + redis.syncUs + processes * callUs) / idle;
  return Math.min(FULL_ROUND, Math.max(1, (grabs * turnUs) / 1e6 / processes));
}

const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);

/** Microseconds of a core for one winning grab, with so many grabs in a call of Redis. */
export function grabCosts({ wins, redis, mysql }: Costs, grabsPerCall = wins.one.grabsPerCall) {
  const each = (line: Costs['redis']['decide'], grabs: number) => costOf(line, grabs) / grabs;
  return {
    node: wins.one.nodeUs,
    decide: each(redis.decide, grabsPerCall),
    views: each(redis.views, grabsPerCall),
    forget: each(redis.forget, grabsPerCall),
    decideFull: each(redis.decide, FULL_ROUND),
    mysql: each(mysql.cpu, FULL_BATCH),
    /** One coupon's transactions wait for each other, so this time is all that one coupon has. */
    mysqlWall: each(mysql.wall, FULL_BATCH),
  };
}

export function sizeOf(costs: Costs, demand: Demand, { cores, busy }: Machines): Size {
  const { grabs, looks, late, customers, hottest } = demand;
  const { others, bytes } = costs;
  const coresFor = (usPerSecond: number) => usPerSecond / 1e6 / busy;
  const appCores = coresFor(grabs * costs.wins.one.nodeUs + looks * others.look.nodeUs + late * others.late.nodeUs);
  const processes = Math.max(1, Math.ceil(appCores));
  const us = grabCosts(costs, grabsPerCallAt(costs, grabs, processes));
  const redisCores = coresFor(
    grabs * (us.decide + us.views + us.forget) + looks * others.look.redisUs + late * others.late.redisUs,
  );
  const hottestGrabs = grabs * hottest;
  return {
    app: { cores: appCores, processes, machines: Math.ceil(processes / cores) },
    redis: {
      cores: redisCores,
      masters: Math.max(1, Math.ceil(redisCores)),
      hottestCores: coresFor(hottestGrabs * (us.decide + us.forget)),
      memoryBytes: customers * costs.redis.bytesPerHolder,
    },
    mysql: {
      cores: coresFor(grabs * us.mysql),
      diskBytes: customers * costs.mysql.bytesPerEvent,
      behindPerSecond: Math.max(0, hottestGrabs - 1e6 / us.mysqlWall),
    },
    network: {
      outsideBits: 8 * (grabs * bytes.grab + looks * bytes.look + late * bytes.late),
      insideBits: 8 * grabs * (bytes.redisPerGrab + bytes.mysqlPerGrab),
    },
  };
}
