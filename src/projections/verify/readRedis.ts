import type { Redis } from 'ioredis';
import type { CouponEvent } from '../../events.ts';
import { type CouponName, keys, partitionOf } from '../../infra/keys.ts';
import { decodeEntry, type RawEntry, readOutbox } from '../../infra/outbox.ts';
import type { Versions } from './couponWalk.ts';

const OUTBOX_PAGE = 1_000;
const SCAN_COUNT = 500;

export interface NamedCoupon extends CouponName {
  id: Buffer;
  /** The log's last version, read before Redis: Redis must have at least this version. */
  loggedBefore: number;
}

/** A coupon as it was in Redis at one moment. */
export interface CouponInRedis {
  /** null when Redis lacks the coupon. */
  id: string | null;
  amount: number;
  stock: number;
  description: string | null;
  left: number;
  version: number;
  holders: number;
  /** The version a moment later: `holders` was counted in between. */
  versionAfter: number;
}

export async function readCoupon(redis: Redis, { seller, name }: NamedCoupon): Promise<CouponInRedis> {
  const key = keys.coupon({ seller, name });
  const [fields, holders, versionAfter] = await Promise.all([
    redis.hmget(key, 'id', 'amount', 'stock', 'description', 'left', 'version'),
    redis.hlen(keys.holders({ seller, name })),
    redis.hget(key, 'version'),
  ]);
  const [id = null, amount, stock, description = null, left, version] = fields;
  return {
    id,
    amount: Number(amount ?? 0),
    stock: Number(stock ?? 0),
    description,
    left: Number(left ?? 0),
    version: Number(version ?? 0),
    holders,
    versionAfter: Number(versionAfter ?? 0),
  };
}

/** Reads the versions of these coupons that are in the outbox, by coupon id. */
export async function readOutboxVersions(redis: Redis, coupons: readonly CouponName[]) {
  const inOutbox = new Map<string, Versions[]>();
  for (const partition of new Set(coupons.map(partitionOf))) {
    for (let after = '-'; ; ) {
      const page = await readOutbox(redis, partition, after, '+', OUTBOX_PAGE);
      for (const raw of page) {
        const events = readEntry(partition, raw);
        const [first, last] = [events[0], events.at(-1)];
        if (first === undefined || last === undefined) continue;
        const ranges = inOutbox.get(first.coupon.id) ?? [];
        const before = ranges.at(-1);
        // The entries of a busy coupon follow each other and make one range.
        if (before?.to === first.version - 1) before.to = last.version;
        else ranges.push({ from: first.version, to: last.version });
        inOutbox.set(first.coupon.id, ranges);
      }
      const newest = page.at(-1);
      if (newest === undefined || page.length < OUTBOX_PAGE) break;
      after = newest[0];
    }
  }
  return inOutbox;
}

/** An entry that cannot be decoded goes to the dead letters and not to the log, so its versions count as missing. */
function readEntry(partition: number, raw: RawEntry): CouponEvent[] {
  try {
    return decodeEntry(partition, raw).events;
  } catch {
    return [];
  }
}

/** Pages of the keys that match a pattern. A key may come twice. */
export async function* scanKeys(redis: Redis, pattern: string): AsyncGenerator<string[]> {
  for (let cursor = '0'; ; ) {
    const [next, found] = await redis.scan(cursor, 'MATCH', pattern, 'COUNT', SCAN_COUNT);
    yield found;
    if (next === '0') return;
    cursor = next;
  }
}
