import type { Redis } from 'ioredis';
import type { CouponEvent, CouponGrabbed } from '../../events.ts';
import { couponPath, keys, partitionOf, splitCouponPath } from '../../infra/keys.ts';
import { decodeEntry, type RawEntry, readOutbox } from '../../infra/outbox.ts';

// What verify reads of Redis: a coupon, what waits in the outbox, and that each grab of the log has its holder and its entry.

const OUTBOX_PAGE = 1_000;

export interface NamedCoupon {
  id: Buffer;
  seller: string;
  name: string;
  /** Of the log's last event, read before Redis: what Redis must have at least. */
  loggedBefore: number;
}

/** A coupon in Redis at one moment. */
export interface InRedis {
  id: string | null;
  amount: number;
  stock: number;
  description: string | null;
  left: number;
  version: number;
  holders: number;
  /** The version a moment later: in between `holders` was counted. */
  versionAfter: number;
}

export interface Versions {
  from: number;
  to: number;
}

export async function readCoupon(redis: Redis, { seller, name }: NamedCoupon): Promise<InRedis> {
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

/** Which versions of these coupons are in the outbox, by coupon. */
export async function readWaiting(redis: Redis, coupons: readonly Pick<NamedCoupon, 'seller' | 'name'>[]) {
  const waiting = new Map<string, Versions[]>();
  for (const partition of new Set(coupons.map(({ seller, name }) => partitionOf({ seller, name })))) {
    for (let after = '-'; ; ) {
      const page = await readOutbox(redis, partition, after, '+', OUTBOX_PAGE);
      for (const raw of page) {
        const events = readEntry(partition, raw);
        const [first, last] = [events[0], events.at(-1)];
        if (first === undefined || last === undefined) continue;
        const ranges = waiting.get(first.coupon.id) ?? [];
        const before = ranges.at(-1);
        // A busy coupon's entries follow each other.
        if (before?.to === first.version - 1) before.to = last.version;
        else ranges.push({ from: first.version, to: last.version });
        waiting.set(first.coupon.id, ranges);
      }
      const newest = page.at(-1);
      if (newest === undefined || page.length < OUTBOX_PAGE) break;
      after = newest[0];
    }
  }
  return waiting;
}

/** What can't be read is on its way to the dead letters, and not to the log. */
function readEntry(partition: number, raw: RawEntry): CouponEvent[] {
  try {
    return decodeEntry(partition, raw).events;
  } catch {
    return [];
  }
}

/** Everything that is in the log must be in Redis by now: its holder with its version, and its entry in the lists. */
export async function verifyHolders(redis: Redis, events: readonly CouponEvent[], mismatch: (text: string) => void) {
  const grabsOf = new Map<string, CouponGrabbed[]>();
  const checks: Promise<void>[] = [];
  const verifyListed = async (view: string, member: string, { occurredAt, version, coupon }: CouponEvent) => {
    if (Number(await redis.zscore(view, member)) !== occurredAt)
      mismatch(`${couponPath(coupon)}: version ${version} is not in ${view}, or not as of its time`);
  };
  for (const event of events) {
    const { seller, name } = event.coupon;
    const path = couponPath({ seller, name });
    if (event.type === 'PiecesRecounted') continue;
    if (event.type === 'CouponCreated') {
      checks.push(verifyListed(keys.sellerView(seller), name, event));
      continue;
    }
    checks.push(verifyListed(keys.customerView(event.data.customer), path, event));
    const grabs = grabsOf.get(path);
    if (grabs) grabs.push(event);
    else grabsOf.set(path, [event]);
  }
  for (const [path, grabs] of grabsOf) checks.push(verifyHeld(redis, path, grabs, mismatch));
  await Promise.all(checks);
}

async function verifyHeld(
  redis: Redis,
  path: string,
  grabs: readonly CouponGrabbed[],
  mismatch: (text: string) => void,
) {
  const { seller, name } = splitCouponPath(path);
  const held = await redis.hmget(keys.holders({ seller, name }), ...grabs.map(({ data }) => data.customer));
  for (const [place, { version, data }] of grabs.entries()) {
    const value = held[place];
    if (value == null) mismatch(`${path}: Redis does not know the holder ${data.customer} of version ${version}`);
    // Something else may stand behind the version.
    else if (Number.parseInt(value, 10) !== version)
      mismatch(`${path}: Redis has the holder ${data.customer} at version ${value}, the log at ${version}`);
  }
}
