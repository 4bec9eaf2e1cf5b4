import type { Redis } from 'ioredis';
import type { Connection, RowDataPacket } from 'mysql2/promise';
import { allPartitions, keys } from '../../../src/infra/keys.ts';
import type { Request } from './requestHistory.ts';
import type { LoggedEvent, Records, RedisCoupon } from './saleRecords.ts';

// Read past the proxies, straight from the stores. Names come as bytes, or as text where somebody has changed the tables.

const AT_ONCE = 1_000;

export async function readMysql(
  mysql: Connection,
  seller: string,
): Promise<Pick<Records, 'log' | 'coupons' | 'grabs' | 'damaged'>> {
  const select = async (sql: string, values: unknown[] = [seller]) =>
    (await mysql.query<RowDataPacket[]>(sql, values))[0];
  const log = await select(
    'SELECT HEX(coupon_id) AS id, version, type, name, occurred_at, data FROM event_log WHERE seller = ?',
  );
  const coupons = await select('SELECT name, amount, pieces_left, version FROM coupons WHERE seller = ?');
  const grabs = await select(
    `SELECT c.name, g.version, g.customer FROM coupon_grabs g JOIN coupons c ON c.id = g.coupon_id WHERE c.seller = ?`,
  );
  // Of everybody's coupons: n events are versions 1..n, and the tables stand where the log ends.
  const damaged = await select(
    `SELECT l.seller, l.name FROM event_log l LEFT JOIN coupons c ON c.id = l.coupon_id
     GROUP BY l.coupon_id, l.seller, l.name, c.version, c.amount, c.pieces_left
     HAVING COUNT(*) <> MAX(l.version) OR COUNT(DISTINCT l.version) <> COUNT(*) OR c.version IS NULL
       OR c.version <> MAX(l.version) OR c.amount - c.pieces_left <> SUM(l.type = 'CouponGrabbed')`,
    [],
  );
  return {
    log: log.map(toEvent),
    coupons: coupons.map((row) => ({
      name: String(row.name),
      amount: Number(row.amount),
      left: Number(row.pieces_left),
      version: Number(row.version),
    })),
    grabs: grabs.map((row) => ({
      coupon: String(row.name),
      version: Number(row.version),
      customer: String(row.customer),
    })),
    damaged: damaged.map((row) => `${row.seller}/${row.name}`),
  };
}

function toEvent(row: RowDataPacket): LoggedEvent {
  const data = JSON.parse(row.data) as { customer?: string; left?: number; amount?: number };
  return {
    coupon: String(row.name),
    couponId: row.id,
    version: Number(row.version),
    type: row.type,
    occurredAt: Number(row.occurred_at),
    ...(data.customer === undefined ? {} : { customer: data.customer }),
    left: Number(data.left ?? data.amount),
  };
}

export async function readRedis(redis: Redis, seller: string, requests: readonly Request[]): Promise<Records['redis']> {
  const names = [...new Set(requests.map(({ coupon }) => coupon))];
  const coupons = await Promise.all(names.map((name) => readCoupon(redis, seller, name)));
  const customers = [...new Set(requests.flatMap(({ customer }) => customer ?? []))];
  const customerViews: Record<string, string[]> = {};
  for (let from = 0; from < customers.length; from += AT_ONCE) {
    const read = async (customer: string) => {
      customerViews[customer] = await redis.zrange(keys.customerView(customer), 0, '-1');
    };
    await Promise.all(customers.slice(from, from + AT_ONCE).map(read));
  }
  const letters = await Promise.all(
    allPartitions.map((partition) => redis.xrange(keys.deadLetters(partition), '-', '+')),
  );
  return {
    coupons: coupons.flatMap((coupon) => coupon ?? []),
    sellerView: await redis.zrange(keys.sellerView(seller), 0, '-1'),
    customerViews,
    deadLetters: letters.flat().map(([, fields]) => fields.join(' ')),
  };
}

async function readCoupon(redis: Redis, seller: string, name: string): Promise<RedisCoupon | undefined> {
  const [amount, left, version] = await redis.hmget(keys.coupon({ seller, name }), 'amount', 'left', 'version');
  if (amount == null) return undefined;
  const holders = await redis.hgetall(keys.holders({ seller, name }));
  return {
    name,
    amount: Number(amount),
    left: Number(left ?? Number.NaN),
    version: Number(version ?? Number.NaN),
    // What follows the digits is none of the version.
    holders: Object.fromEntries(
      Object.entries(holders).map(([customer, value]) => [customer, Number.parseInt(value, 10)]),
    ),
  };
}

/** Entries in the outbox, over all partitions, as `partition/id`. */
export async function readOutbox(redis: Redis): Promise<string[]> {
  const entries = await Promise.all(allPartitions.map((partition) => redis.xrange(keys.outbox(partition), '-', '+')));
  return entries.flatMap((list, partition) => list.map(([id]) => `${partition}/${id}`));
}
