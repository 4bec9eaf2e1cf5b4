import type { Redis } from 'ioredis';
import { allPartitions, keys } from '../infra/keys.ts';
import { readOutbox } from '../infra/outbox.ts';
import { readStanding } from '../infra/replication/replicationInfo.ts';
import type { Shard } from '../infra/shards/shard.ts';
import type { Shards } from '../infra/shards/shards.ts';
import type { Mysql } from '../infra/stores/mysql.ts';
import { findMigrations } from '../infra/stores/openMysql.ts';
import { readRedisTime } from '../infra/stores/redisClock.ts';
import { safeMessage } from '../infra/telemetry/safeError.ts';
import type { RunSql } from '../projections/log/sql.ts';
import { countSubscriptions, listFailingFirst, type SubscriptionState } from '../subscribers/changeCheckpoint.ts';
import { Unavailable } from '../unavailable.ts';
import type { ProcessReports, ProcessState } from './processReports.ts';

/** An operator looks here during an outage, so a store that does not answer costs no more than this. */
const STORE_LIMIT_MS = 2_000;
/** A master of a Redis Cluster that takes longer is left out. */
const PART_LIMIT_MS = 1_000;
/** Each webhook has a subscription, so there may be thousands. */
const LISTED_SUBSCRIPTIONS = 20;

export interface PartitionState {
  partition: number;
  /** Whether the partition was reconciled on this very Redis. */
  fence: boolean;
  outbox: { entries: number; oldestMs: number };
  deadLetters: number;
}
interface RedisState {
  version: string;
  /** Whether this Redis has been reconciled since its start or its promotion. */
  reconciled: boolean;
  /** Those whose Redis answers. */
  partitions: PartitionState[];
  /** Null while the master of a Redis Cluster that knows does not answer. */
  damagedCoupons: number | null;
  processes: ProcessState[];
}
interface MysqlState {
  version: string;
  /** The names of the migrations. `missing`: this version has them, the database does not; `unknown`: the other way round. */
  migrations: { applied: number; missing: string[]; unknown: string[] };
  subscriptions: { total: number; failing: number; lag: number; listed: SubscriptionState[] };
}
/** A store that does not answer has an error instead of a state. One that answers in part has both. */
interface Answer<State> {
  state: State | null;
  error: string | null;
}

export interface SystemState {
  at: string;
  redis: Answer<RedisState>;
  mysql: Answer<MysqlState>;
}

/** What both stores say about the system at this moment. Never rejects: that a store does not answer is a part of the state. */
export async function readSystemState(deps: {
  redis: Redis;
  shards: Pick<Shards, 'all' | 'of'>;
  mysql: Mysql;
  reports: ProcessReports;
}): Promise<SystemState> {
  const [redis, mysql] = await Promise.all([
    answerOf('Redis', readRedisState(deps)),
    answerOf(
      'MySQL',
      readMysqlState(deps.mysql).then((state) => ({ state, error: null })),
    ),
  ]);
  return { at: new Date().toISOString(), redis, mysql };
}

const answerOf = <State>(store: string, reading: Promise<Answer<State>>): Promise<Answer<State>> =>
  inTime(store, reading).catch((error: Error) => ({ state: null, error: safeMessage(error) }));

/** Throws Unavailable when the store takes longer. */
export async function inTime<T>(store: string, work: Promise<T>, limitMs = STORE_LIMIT_MS): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Unavailable(`${store} does not answer`)), limitMs);
  });
  return Promise.race([work, late]).finally(() => clearTimeout(timer));
}

async function readRedisState(deps: Parameters<typeof readSystemState>[0]): Promise<Answer<RedisState>> {
  const { redis, shards, reports } = deps;
  const inPart = <T>(work: Promise<T>) => inTime('Redis', work, PART_LIMIT_MS);
  const standings = readStandings(shards.all());
  const [info, damagedCoupons, processes, stood, settled] = await Promise.all([
    redis.info('server'),
    inPart(redis.scard(keys.damagedCoupons)).catch(() => null),
    inPart(reports.all()).catch(() => [reports.own()]),
    Promise.allSettled([...standings.values()].map(inPart)),
    Promise.allSettled(allPartitions.map((partition) => inPart(readPartition(deps, partition, standings)))),
  ]);
  const partitions = settled.flatMap((read) => (read.status === 'fulfilled' ? [read.value] : []));
  const silent = allPartitions.filter((partition) => settled[partition]?.status === 'rejected');
  const [first] = settled.flatMap((read) => (read.status === 'rejected' ? [read.reason] : []));
  if (partitions.length === 0) throw first;
  const field = (name: string) => new RegExp(`^${name}:(\\S+)`, 'm').exec(info)?.[1];
  const valkey = field('valkey_version');
  const state = {
    version: valkey === undefined ? `Redis ${field('redis_version')}` : `Valkey ${valkey}`,
    reconciled: stood.every((read) => read.status === 'fulfilled' && read.value.stands),
    partitions,
    damagedCoupons,
    processes,
  };
  return {
    state,
    error: silent.length === 0 ? null : `the Redis of the partitions ${silent.join(', ')} does not answer`,
  };
}

type Standings = Map<string, Promise<Awaited<ReturnType<typeof readStanding>>>>;

/** By the name of the shard. */
function readStandings(shards: readonly Shard[]): Standings {
  const standings: Standings = new Map();
  for (const { name, redis, dataSet } of shards) {
    const standing = readStanding(redis, dataSet);
    standing.catch(() => {});
    standings.set(name, standing);
  }
  return standings;
}

async function readPartition(
  { redis, shards }: Parameters<typeof readSystemState>[0],
  partition: number,
  standings: Standings,
): Promise<PartitionState> {
  const [standing, fence, entries, [oldest], deadLetters] = await Promise.all([
    standings.get(shards.of(partition).name),
    redis.get(keys.fence(partition)),
    redis.xlen(keys.outbox(partition)),
    readOutbox(redis, partition, '-', '+', 1),
    redis.xlen(keys.deadLetters(partition)),
  ]);
  // Read after the entry, so that it is not from the future.
  const now = (await readRedisTime(shards.of(partition).redis)) / 1_000;
  const oldestAt = oldest === undefined ? undefined : Number.parseInt(oldest[0], 10);
  return {
    partition,
    fence: fence !== null && fence === standing?.replication.replid,
    outbox: { entries, oldestMs: oldestAt === undefined ? 0 : Math.max(0, Math.round(now - oldestAt)) },
    deadLetters,
  };
}

async function readMysqlState(mysql: Mysql): Promise<MysqlState> {
  const run: RunSql = async (statement) => (await mysql.raw(statement))[0];
  const [[row]] = await mysql.raw('SELECT VERSION() AS version');
  const { applied, known } = await findMigrations(mysql);
  return {
    version: String(row.version),
    migrations: {
      applied: applied.length,
      missing: known.filter((name) => !applied.includes(name)),
      unknown: applied.filter((name) => !known.includes(name)),
    },
    subscriptions: { ...(await countSubscriptions(run)), listed: await listFailingFirst(run, LISTED_SUBSCRIPTIONS) },
  };
}
