import type { Redis } from 'ioredis';
import type { CouponName } from '../infra/keys.ts';
import { keys } from '../infra/keys.ts';
import { archivedVersions, withArchived } from '../projections/archive/pages.ts';
import { bytesToId, type EventRow, eventColumns, idToBytes, rowToEvent } from '../projections/log/eventRows.ts';
import { hex, hexId, type RunSql } from '../projections/log/sql.ts';
import { isoTime } from '../queries/isoTime.ts';
import { toCloudEvent } from '../subscribers/cloudEvent.ts';

export interface LoggedEvent {
  position: number;
  version: number;
  type: string;
  at: string;
  /** Without codes and idempotency keys; null for an event that this version of the program cannot read. */
  data: Record<string, unknown> | null;
}

export interface CouponEvents {
  coupon: { id: string; seller: string; name: string };
  /** The highest version in the log; 0 while the log has no event of the coupon. */
  logged: number;
  /** The version in Redis; null when Redis does not reply or has no such coupon. */
  decided: number | null;
  /** In the order of their versions. */
  events: LoggedEvent[];
  /** The version after which the next page begins; undefined on the last page. */
  next: number | undefined;
}

type Row = EventRow & { position: number };
type Wanted = ({ id: string } | CouponName) & { after: number; limit: number };

/** One page of a coupon's events. Undefined when neither store has the coupon. */
export async function readCouponEvents(
  { run, redis }: { run: RunSql; redis: Redis },
  wanted: Wanted,
): Promise<CouponEvents | undefined> {
  const coupon = await ('id' in wanted ? findById(run, wanted.id) : findByName(run, redis, wanted));
  if (coupon === undefined) return undefined;
  const { after, limit } = wanted;
  const ofCoupon = `FROM event_log WHERE coupon_id = ${hexId(coupon.id)}`;
  const [end] = await run(`SELECT COALESCE(MAX(version), 0) AS logged ${ofCoupon}`);
  const id = idToBytes(coupon.id);
  const found = (await run(
    `SELECT position,${eventColumns.join(',')} ${ofCoupon} AND version > ${after} ORDER BY version LIMIT ${limit + 1}`,
  )) as unknown as Row[];
  const archived = (await archivedVersions(run, [id])).get(coupon.id) ?? 0;
  const logged = Math.max(Number(end?.logged), archived);
  const rows = await withArchived(run, { id, after, version: logged, limit: limit + 1 }, found);
  const page = rows.slice(0, limit);
  return {
    coupon,
    logged,
    decided: await decidedVersion(redis, coupon),
    events: page.map(describe),
    next: rows.length > limit ? page.at(-1)?.version : undefined,
  };
}

function describe(row: Row): LoggedEvent {
  const { position, version, type, occurred_at } = row;
  const event = { position, version, type, at: isoTime(occurred_at) };
  try {
    const { coupon: _, version: __, ...data } = toCloudEvent(rowToEvent(row), position).data;
    return { ...event, data };
  } catch {
    return { ...event, data: null };
  }
}

async function findById(run: RunSql, id: string) {
  const [row] = await run(
    `(SELECT seller, name FROM event_log WHERE coupon_id = ${hexId(id)} LIMIT 1)
     UNION SELECT seller, name FROM archived_coupons WHERE coupon_id = ${hexId(id)}`,
  );
  return row === undefined ? undefined : { id, seller: String(row.seller), name: String(row.name) };
}

/** Redis knows a coupon before MySQL does, and MySQL knows it while Redis is down. */
async function findByName(run: RunSql, redis: Redis, { seller, name }: CouponName) {
  const [row] = await run(`SELECT id FROM coupons WHERE seller = ${hex(seller)} AND name = ${hex(name)}`);
  if (row !== undefined) return { id: bytesToId(row.id as Buffer), seller, name };
  const id = await redis.hget(keys.coupon({ seller, name }), 'id').catch(() => null);
  return id === null || idToBytes(id).length !== 16 ? undefined : { id, seller, name };
}

async function decidedVersion(redis: Redis, { id, seller, name }: CouponEvents['coupon']): Promise<number | null> {
  const [found, version] = await redis.hmget(keys.coupon({ seller, name }), 'id', 'version').catch(() => []);
  return found === id && version != null ? Number(version) : null;
}
