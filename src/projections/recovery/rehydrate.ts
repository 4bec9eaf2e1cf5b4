import type { Redis } from 'ioredis';
import { couponFields } from '../../coupon/couponFields.ts';
import { couponPath, keys, partitionOf } from '../../infra/keys.ts';
import type { DataSet } from '../../infra/shards/dataSet.ts';
import type { Mysql } from '../../infra/stores/mysql.ts';
import { readRedisTime } from '../../infra/stores/redisClock.ts';
import type { Log } from '../../infra/telemetry/log.ts';
import type { NewerRelease } from '../../newerRelease.ts';
import { type CouponRow, stateOfRow } from '../couponRow.ts';
import { bytesToId } from '../log/eventRows.ts';
import { DamageError } from './damage.ts';
import { rebuildCoupons } from './rebuildCoupons.ts';
import { recountPieces } from './recountPieces.ts';

const PAGE = 1_000;

interface RehydrateDeps {
  /** The Redis that is rebuilt, and what it has. */
  redis: Redis;
  dataSet: DataSet;
  /** All of Redis, since views of its coupons may lie on other masters of a Redis Cluster. */
  everywhere: Redis;
  mysql: Mysql;
  log: Log;
}

/** `done` of `of` events are in Redis, of all coupons; `events` of them were read from the log. */
export type ReportRehydrate = (done: number, of: number, events: number) => void;

/**
 * Rebuilds Redis from MySQL: users, and every coupon that is missing or behind the log, with its views. No process may decide meanwhile.
 * Throws NewerRelease, and leaves the rest to a process of a newer release, when such a coupon has an event that this one does not
 * understand, or when the outbox has an entry of a newer release (`waiting`): the entry may hold an event that the log lacks, which must
 * not be taken for a gap.
 */
export async function rehydrate(
  deps: RehydrateDeps & { waiting: NewerRelease | undefined; onProgress: ReportRehydrate },
): Promise<{ users: number; coupons: number; rebuilt: number }> {
  const { redis, dataSet, everywhere, mysql } = deps;
  const partitions = new Set(dataSet.partitions());
  const users = await restoreUserViews(deps);
  const done = { coupons: 0, rebuilt: 0, events: 0, read: 0 };
  const [logged] = await mysql('coupons').sum({ events: 'version' });
  const report = (events: number) => {
    done.events += events;
    done.read += events;
    deps.onProgress(done.events, Number(logged?.events), done.read);
  };
  const setApart = (row: CouponRow, damage: DamageError) => quarantine(deps, row, damage);
  for (let after: Buffer = Buffer.alloc(0); ; ) {
    const page: CouponRow[] = await mysql('coupons').where('id', '>', after).orderBy('id').limit(PAGE);
    const last = page.at(-1);
    if (last === undefined) return { users, coupons: done.coupons, rebuilt: done.rebuilt };
    await restoreSellerViews(deps, page);
    const rows = page.filter(({ seller, name }) =>
      partitions.has(partitionOf({ seller: seller.toString(), name: name.toString() })),
    );
    const eventsAfter = done.events + rows.reduce((sum, { version }) => sum + version, 0);
    const found = await findBehind(redis, rows);
    if (deps.waiting !== undefined && found.length > 0) throw deps.waiting;
    const behind = await withoutGaps(deps, found, setApart);
    await rebuildCoupons({ redis: everywhere, mysql, report, setApart }, behind);
    done.rebuilt += behind.length;
    done.coupons += rows.length;
    done.events = eventsAfter;
    after = last.id;
  }
}

async function restoreUserViews({ redis, dataSet, mysql }: RehydrateDeps): Promise<number> {
  let count = 0;
  for (let after = 0; ; ) {
    const users = await mysql('users')
      .select('id', 'username', 'kind')
      .where('id', '>', after)
      .orderBy('id')
      .limit(PAGE);
    const last = users.at(-1);
    if (last === undefined) return count;
    const own = users
      .map(({ username, kind }) => ({ view: keys.userView(username.toString()), kind }))
      .filter(({ view }) => dataSet.has(view));
    await Promise.all(own.map(({ view, kind }) => redis.setnx(view, kind)));
    count += users.length;
    after = last.id;
  }
}

/** The sellers of an identity provider are not in the table of users. */
async function restoreSellerViews({ redis, dataSet }: RehydrateDeps, rows: CouponRow[]): Promise<void> {
  const views = new Set(rows.map(({ seller }) => keys.userView(seller.toString())));
  const own = [...views].filter(dataSet.has);
  await Promise.all(own.map((view) => redis.setnx(view, 'seller')));
}

async function findBehind(redis: Redis, rows: CouponRow[]): Promise<CouponRow[]> {
  const found = await Promise.all(
    rows.map(({ seller, name }) =>
      redis.hmget(keys.coupon({ seller: String(seller), name: String(name) }), 'version', 'damaged'),
    ),
  );
  return rows.filter((row, place) => {
    const [version, damaged] = found[place] ?? [];
    return Number(version ?? 0) < row.version || damaged != null;
  });
}

/** Closes the gaps in the logs of these coupons, and returns the coupons without a gap. A coupon whose gap cannot be closed is set apart. */
async function withoutGaps(
  { redis, mysql, log }: RehydrateDeps,
  rows: CouponRow[],
  setApart: (row: CouponRow, damage: DamageError) => Promise<void>,
): Promise<CouponRow[]> {
  // Versions are unique and begin with 1: a coupon without a gap has as many events as its highest version says. Those that are
  // archived have no gap.
  const archived = mysql.raw('COALESCE(a.version, 0)');
  const gapped: { coupon_id: Buffer }[] = await mysql('event_log AS e')
    .leftJoin('archived_coupons AS a', 'a.coupon_id', 'e.coupon_id')
    .select('e.coupon_id')
    .whereIn(
      'e.coupon_id',
      rows.map(({ id }) => id),
    )
    .where('e.version', '>', archived)
    .groupBy('e.coupon_id')
    .havingRaw('COUNT(*) <> MAX(e.version) - MAX(?)', [archived]);
  const whole = new Map(rows.map((row) => [bytesToId(row.id), row]));
  for (const { coupon_id } of gapped) {
    const row = whole.get(bytesToId(coupon_id));
    if (row === undefined) continue;
    try {
      row.version = await recountPieces({ mysql, log }, row.id, await readRedisTime(redis));
    } catch (error) {
      if (!(error instanceof DamageError)) throw error;
      whole.delete(bytesToId(coupon_id));
      await setApart(row, error);
    }
  }
  return [...whole.values()];
}

/**
 * A coupon whose log is damaged stays visible, but its holders are unknown: its grabs get 503 until an operator has mended the
 * log, and the sale of the other coupons goes on. Every reconcile tries to rebuild the coupon again.
 */
async function quarantine(
  { redis, everywhere, mysql, log }: RehydrateDeps,
  row: CouponRow,
  damage: DamageError,
): Promise<void> {
  const [seller, name] = [row.seller.toString(), row.name.toString()];
  const path = couponPath({ seller, name });
  log.error({ err: damage, coupon: path }, 'damaged coupon: its grabs get 503');
  const [counted] = await mysql('coupon_grabs')
    .where({ coupon_id: row.id })
    .count({ grabbed: '*', released: 'released_at', redeemed: 'redeemed_at' });
  const { grabbed, released, redeemed } = counted ?? {};
  const counts = { grabbed: Number(grabbed), released: Number(released), redeemed: Number(redeemed) };
  const fields = { ...couponFields(stateOfRow(row, counts)), damaged: damage.message };
  const key = keys.coupon({ seller, name });
  // A field that the row lacks, such as the end of the sale, must not stay.
  await redis.multi().del(key).hset(key, fields).exec();
  // The list is for operators, and its Redis may be away; the coupon itself says that it is damaged.
  await everywhere.sadd(keys.damagedCoupons, path).catch((err) => log.warn({ err }, 'listing a damaged coupon failed'));
}
