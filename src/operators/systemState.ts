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
  partitions: PartitionState[];
  damagedCoupons: number;
  processes: ProcessState[];
}
interface MysqlState {
  version: string;
  /** The names of the migrations. `missing`: this version has them, the database does not; `unknown`: the other way round. */
  migrations: { applied: number; missing: string[]; unknown: string[] };
  subscriptions: { total: number; failing: number; lag: number; listed: SubscriptionState[] };
}
/** A store that does not answer has an error instead of a state. */
type Answer<State> = { state: State; error: null } | { state: null; error: string };

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
    answerOf('MySQL', readMysqlState(deps.mysql)),
  ]);
  return { at: new Date().toISOString(), redis, mysql };
}

const answerOf = <State>(store: string, reading: Promise<State>): Promise<Answer<State>> =>
  inTime(store, reading).then(
    (state) => ({ state, error: null }),
    (error: Error) => ({ state: null, error: safeMessage(error) }),
  );

/** Throws Unavailable when the store takes longer. */
export async function inTime<T>(store: string, work: Promise<T>, limitMs = STORE_LIMIT_MS): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Unavailable(`${store} does not answer`)), limitMs);
  });
  return Promise.race([work, late]).finally(() => clearTimeout(timer));
}

async function readRedisState({ redis, shards, reports }: Parameters<typeof readSystemState>[0]): Promise<RedisState> {
  const [info, standings, damagedCoupons, processes, partitions] = await Promise.all([
    redis.info('server'),
    readStandings(shards.all()),
    redis.scard(keys.damagedCoupons),
    reports.all(),
    Promise.all(allPartitions.map((partition) => readPartition(redis, partition))),
  ]);
  const field = (name: string) => new RegExp(`^${name}:(\\S+)`, 'm').exec(info)?.[1];
  // Read after the entries, so that no entry is from the future.
  const now = (await readRedisTime(redis)) / 1_000;
  const valkey = field('valkey_version');
  return {
    version: valkey === undefined ? `Redis ${field('redis_version')}` : `Valkey ${valkey}`,
    reconciled: [...standings.values()].every(({ stands }) => stands),
    partitions: partitions.map(({ oldestAt, outbox: entries, fence, ...state }) => ({
      ...state,
      fence: fence !== null && fence === standings.get(shards.of(state.partition).name)?.replication.replid,
      outbox: { entries, oldestMs: oldestAt === undefined ? 0 : Math.max(0, Math.round(now - oldestAt)) },
    })),
    damagedCoupons,
    processes,
  };
}

/** By the name of the shard. */
const readStandings = async (shards: readonly Shard[]) =>
  new Map(
    await Promise.all(
      shards.map(async ({ name, redis, dataSet }) => [name, await readStanding(redis, dataSet)] as const),
    ),
  );

async function readPartition(redis: Redis, partition: number) {
  const [fence, outbox, [oldest], deadLetters] = await Promise.all([
    redis.get(keys.fence(partition)),
    redis.xlen(keys.outbox(partition)),
    readOutbox(redis, partition, '-', '+', 1),
    redis.xlen(keys.deadLetters(partition)),
  ]);
  const oldestAt = oldest === undefined ? undefined : Number.parseInt(oldest[0], 10);
  return { partition, fence, outbox, oldestAt, deadLetters };
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
