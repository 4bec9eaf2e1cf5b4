import { randomUUID } from 'node:crypto';
import type { Redis } from 'ioredis';
import { z } from 'zod';
import type { CouponCreated, CouponGrabbed } from '../events.ts';
import { couponPath, keys } from '../infra/keys.ts';
import type { Log } from '../infra/log.ts';
import type { Mysql } from '../infra/mysql.ts';
import { runScript } from '../infra/scripts.ts';
import { bytesToId, type EventRow, eventColumns, rowToEvent } from './eventRows.ts';
import { projectToViews } from './redisViews.ts';

const PAGE = 1_000;
const BUILDER_TTL_SECONDS = 600;

const restoreReplySchema = z.tuple([z.enum(['restored', 'kept', 'incomplete'])]);

/** The log contradicts itself or Redis. */
class DamageError extends Error {}

interface RehydrateDeps {
  redis: Redis;
  mysql: Mysql;
  log: Log;
}

/** Redis from MySQL: users, and every coupon that is missing or behind the log. Only while nobody decides. */
export async function rehydrate(deps: RehydrateDeps): Promise<{ users: number; coupons: number; rebuilt: number }> {
  const users = await restoreUserViews(deps);
  return { users, ...(await restoreCoupons(deps)) };
}

async function restoreUserViews({ redis, mysql }: RehydrateDeps): Promise<number> {
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
  amount: number;
  stock: number;
  description: string;
  pieces_left: number;
}

async function restoreCoupons({ redis, mysql, log }: RehydrateDeps): Promise<{ coupons: number; rebuilt: number }> {
  let coupons = 0;
  let rebuilt = 0;
  for (let after: Buffer = Buffer.alloc(0); ; ) {
    const rows: CouponRow[] = await mysql('coupons').where('id', '>', after).orderBy('id').limit(PAGE);
    const last = rows.at(-1);
    if (last === undefined) return { coupons, rebuilt };
    const found = await Promise.all(
      rows.map(({ seller, name }) => redis.hmget(keys.coupon(String(seller), String(name)), 'version', 'damaged')),
    );
    for (const [place, row] of rows.entries()) {
      const [version, damaged] = found[place] ?? [];
      if (Number(version ?? 0) >= row.version && damaged == null) continue;
      await rebuildCoupon(redis, mysql, row).catch((error) => quarantine(redis, log, row, error));
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
  await redis.srem(keys.damagedCoupons, couponPath(seller, name));
}

/**
 * A coupon whose log is damaged is known and shown, but nobody can say who its holders are: its grabs are answered 503 until
 * somebody has looked, and the sale of the others goes on. Every reconcile tries it again.
 */
async function quarantine(redis: Redis, log: Log, row: CouponRow, error: unknown): Promise<void> {
  if (!(error instanceof DamageError)) throw error;
  log.error({ err: error }, 'damaged coupon: its grabs are answered 503');
  const [seller, name] = [row.seller.toString(), row.name.toString()];
  const { amount, stock, description, pieces_left: left, version } = row;
  const fields = { id: bytesToId(row.id), seller, name, amount, stock, description, left, version };
  await redis.hset(keys.coupon(seller, name), { ...fields, damaged: error.message });
  await redis.sadd(keys.damagedCoupons, couponPath(seller, name));
}
