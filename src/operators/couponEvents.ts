import type { Redis } from 'ioredis';
import type { CouponName } from '../infra/keys.ts';
import { keys } from '../infra/keys.ts';
import { archivedVersions, readArchived } from '../projections/archive/pages.ts';
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
  const hot = (await run(
    `SELECT position,${eventColumns.join(',')} ${ofCoupon} AND version > ${after} ORDER BY version LIMIT ${limit + 1}`,
  )) as unknown as Row[];
  // The log is read first: events that are archived in between are in their pages by then.
  const bytes = idToBytes(coupon.id);
  const archived = (await archivedVersions(run, [bytes])).get(coupon.id) ?? 0;
  const packed = after < archived ? await readPacked(run, bytes, after, limit + 1) : [];
  const rows = [...packed, ...hot.filter(({ version }) => version > archived)].slice(0, limit + 1);
  const page = rows.slice(0, limit);
  return {
    coupon,
    logged: Math.max(Number(end?.logged), archived),
    decided: await decidedVersion(redis, coupon),
    events: page.map(describe),
    next: rows.length > limit ? page.at(-1)?.version : undefined,
  };
}

/** At least `limit` archived events beyond the version, if there are so many. */
async function readPacked(run: RunSql, id: Buffer, after: number, limit: number): Promise<Row[]> {
  const rows: Row[] = [];
  for await (const page of readArchived(run, id, after)) {
    rows.push(...page);
    if (rows.length >= limit) break;
  }
  return rows;
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
  // A coupon whose creation is a dead letter has events and no row; the events of one that is archived may all be packed.
  const [row] = await run(
    `(SELECT seller, name FROM coupons WHERE id = ${hexId(id)})
     UNION ALL (SELECT seller, name FROM event_log WHERE coupon_id = ${hexId(id)} LIMIT 1) LIMIT 1`,
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
