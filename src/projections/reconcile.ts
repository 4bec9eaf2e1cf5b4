import { randomUUID } from 'node:crypto';
import type { Redis } from 'ioredis';
import { z } from 'zod';
import { ConfigError } from '../config.ts';
import type { CouponCreated, CouponGrabbed } from '../events.ts';
import { allPartitions, keys, PARTITIONS } from '../infra/keys.ts';
import type { Lease } from '../infra/lease.ts';
import type { Log } from '../infra/log.ts';
import type { Mysql } from '../infra/mysql.ts';
import type { RedisClock } from '../infra/redisClock.ts';
import { runScript } from '../infra/scripts.ts';
import { bytesToId, type EventRow, eventColumns, rowToEvent } from './eventRows.ts';
import type { MysqlProjection } from './mysqlProjection.ts';
import { projectToViews } from './redisViews.ts';
import type { Relay } from './relay.ts';

const PAGE = 1_000;
const BUILDER_TTL_SECONDS = 600;
const WITNESS_TTL_SECONDS = 86_400;

const restoreReplySchema = z.tuple([z.enum(['restored', 'kept', 'incomplete'])]);

/** The log contradicts itself or Redis: nothing may be decided before somebody has looked. */
export class DamageError extends Error {}

interface ReconcileDeps {
  redis: Redis;
  mysql: Mysql;
  clock: RedisClock;
  lease: Lease;
  projection: MysqlProjection;
  relay: Relay;
  log: Log;
}

/**
 * Makes sure that Redis is not behind the log, and mends what is, before the first decision on a new connection. When this
 * resolves, the process shares the lease and the marker stands. Rejects, to be tried again, when anything is at fault.
 */
export async function ensureReconciled(deps: ReconcileDeps): Promise<void> {
  const { redis, clock, lease, projection } = deps;
  await clock.measure();
  await checkPartitions(redis);
  if (!(await isReconciled(redis))) {
    // What this process was told by a Redis that is no more has to be in MySQL before anybody compares.
    await projection.idle();
    await lease.alone(async () => {
      // Whoever had the lease before may have done it.
      if (!(await isReconciled(redis))) await reconcile(deps);
    });
  }
  await lease.share();
  if (!(await isReconciled(redis))) throw new Error('Redis was emptied or restarted after reconcile');
}

/**
 * The marker, which is written last, holds the run id of the Redis that was reconciled: a restart changes the id, and a
 * flush or an older file takes the marker away.
 */
async function isReconciled(redis: Redis): Promise<boolean> {
  const [runId, marker, ...fences] = await Promise.all([
    readRunId(redis),
    redis.get(keys.marker),
    ...allPartitions.map((partition) => redis.exists(keys.fence(partition))),
  ]);
  return marker === runId && !fences.includes(0);
}

/** Compares and mends. Only one process does this at a time, and none decides meanwhile. */
async function reconcile({ redis, mysql, relay, log }: ReconcileDeps): Promise<void> {
  const started = Date.now();
  const runId = await readRunId(redis);
  // A flush while we work takes this key away, and what was restored before it as well.
  const witness = keys.reconciling(randomUUID());
  await redis.set(witness, runId, 'EX', WITNESS_TTL_SECONDS);
  const mustHaveWitness = async () => {
    if ((await redis.exists(witness)) === 0) throw new Error('Redis was emptied during reconcile');
  };
  await checkPartitions(redis);
  // After a restart they are still there, and must not let anybody decide in between.
  await Promise.all(allPartitions.map((partition) => redis.del(keys.fence(partition))));
  await relay.drain();
  const users = await restoreUserViews(redis, mysql);
  const restored = await restoreCoupons(redis, mysql);
  await mustHaveWitness();
  const fenceKeys = allPartitions.map(keys.fence);
  await Promise.all(fenceKeys.map((fence) => redis.set(fence, runId)));
  await redis.set(keys.marker, runId);
  await mustHaveWitness().catch(async (error) => {
    await Promise.all([keys.marker, ...fenceKeys].map((key) => redis.del(key)));
    throw error;
  });
  await redis.del(witness);
  log.info({ users, ...restored, ms: Date.now() - started }, 'reconciled');
}

async function checkPartitions(redis: Redis): Promise<void> {
  await redis.setnx(keys.partitions, PARTITIONS);
  const stored = await redis.get(keys.partitions);
  if (stored !== String(PARTITIONS)) {
    throw new ConfigError(`REDIS_URL: its data has ${stored} partitions, this program works with ${PARTITIONS}`);
  }
}

async function readRunId(redis: Redis): Promise<string> {
  const [, runId] = /^run_id:(\w+)/m.exec(await redis.info('server')) ?? [];
  if (runId === undefined) throw new Error('Redis tells no run_id');
  return runId;
}

async function restoreUserViews(redis: Redis, mysql: Mysql): Promise<number> {
  let count = 0;
  for (let after = 0; ; ) {
    const users = await mysql('users')
      .select('id', 'username', 'kind')
      .where('id', '>', after)
      .orderBy('id')
      .limit(PAGE);
    const last = users.at(-1);
    if (last === undefined) return count;
    await Promise.all(users.map(({ username, kind }) => redis.setnx(keys.userView(username.toString()), kind)));
    count += users.length;
    after = last.id;
  }
}

interface CouponRow {
  id: Buffer;
  seller: Buffer;
  name: Buffer;
  version: number;
}

async function restoreCoupons(redis: Redis, mysql: Mysql): Promise<{ coupons: number; rebuilt: number }> {
  let coupons = 0;
  let rebuilt = 0;
  for (let after: Buffer = Buffer.alloc(0); ; ) {
    const rows: CouponRow[] = await mysql('coupons')
      .select('id', 'seller', 'name', 'version')
      .where('id', '>', after)
      .orderBy('id')
      .limit(PAGE);
    const last = rows.at(-1);
    if (last === undefined) return { coupons, rebuilt };
    const versions = await Promise.all(
      rows.map(({ seller, name }) => redis.hget(keys.coupon(seller.toString(), name.toString()), 'version')),
    );
    for (const [place, row] of rows.entries()) {
      if (Number(versions[place] ?? 0) >= row.version) continue;
      await rebuildCoupon(redis, mysql, row);
      rebuilt++;
    }
    coupons += rows.length;
    after = last.id;
  }
}

/** As the grab script writes it. */
const holderValue = (version: number, { idempotencyKey }: CouponGrabbed['data']) =>
  idempotencyKey === undefined ? String(version) : `${version} ${idempotencyKey}`;

/** Builds a coupon beside the one in Redis from its events, then puts it in its place unless that one is ahead by then. */
async function rebuildCoupon(redis: Redis, mysql: Mysql, row: CouponRow): Promise<void> {
  const [seller, name] = [row.seller.toString(), row.name.toString()];
  const built = keys.holdersBuilt(seller, name, randomUUID());
  let created: CouponCreated | undefined;
  let version = 0;
  let left = 0;
  for (;;) {
    const rows: EventRow[] = await mysql('event_log')
      .select(...eventColumns)
      .where('coupon_id', row.id)
      .where('version', '>', version)
      .orderBy('version')
      .limit(PAGE);
    if (rows.length === 0) break;
    const events = rows.map(rowToEvent);
    const gap = events.find((event, place) => event.version !== version + place + 1);
    if (gap) throw new DamageError(`the event log lacks events of ${seller}/${name} before version ${gap.version}`);
    const first = events[0];
    if (first?.type === 'CouponCreated') created = first;
    const grabs = events.filter((event): event is CouponGrabbed => event.type === 'CouponGrabbed');
    if (grabs.length > 0) {
      await redis.hset(built, ...grabs.flatMap(({ data, version }) => [data.customer, holderValue(version, data)]));
      await redis.expire(built, BUILDER_TTL_SECONDS);
    }
    await projectToViews(redis, events);
    version += events.length;
    left = grabs.at(-1)?.data.left ?? created?.data.amount ?? left;
  }
  if (created === undefined) throw new DamageError(`the event log lacks the creation of ${seller}/${name}`);
  const { amount, stock, description } = created.data;
  const reply = await runScript(
    redis,
    'restoreCoupon',
    [keys.coupon(seller, name), keys.holders(seller, name), built],
    [bytesToId(row.id), seller, name, String(amount), String(stock), description, String(left), String(version)],
  );
  const [status] = restoreReplySchema.parse(reply);
  // Redis was emptied under way (the witness will say so), or the log is damaged.
  if (status === 'incomplete')
    throw new DamageError(`the event log does not name a holder for each grab of ${seller}/${name}`);
}
