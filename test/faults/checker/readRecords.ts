import { setTimeout as sleep } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import type { Connection, RowDataPacket } from 'mysql2/promise';
import { allPartitions, keys } from '../../../src/infra/keys.ts';
import { becomesReady } from '../stack/applications.ts';
import type { FaultStack } from '../stack/faultStack.ts';
import type { Request } from './requestHistory.ts';
import type { LoggedEvent, RedisCoupon, SaleRecords } from './saleRecords.ts';

// Reads the stores directly, not through the proxies. Names are bytes, or text if a sabotage has changed the tables.

const VIEWS_AT_ONCE = 1_000;
const DRAIN_LIMIT_MS = 30_000;

/** Waits until the outbox is empty, then reads what the round left in both stores. */
export async function readRecords(
  stack: FaultStack,
  seller: string,
  requests: readonly Request[],
): Promise<Omit<SaleRecords, 'stops'>> {
  const drained = await waitUntilDrained(stack);
  return {
    ...(await stack.withMysql((mysql) => readMysql(mysql, seller))),
    redis: await stack.withRedis((redis) => readRedis(redis, seller, requests)),
    drained,
  };
}

/** Resolves to true when the outbox is empty and every running application is ready, within the limit. */
async function waitUntilDrained(stack: FaultStack): Promise<boolean> {
  const limit = Date.now() + DRAIN_LIMIT_MS;
  const running = stack.apps.filter(({ pool }) => pool !== undefined);
  const ready = await Promise.all(running.map((app) => becomesReady(app, DRAIN_LIMIT_MS)));
  return stack.withRedis(async (redis) => {
    while ((await readOutbox(redis)).length > 0) {
      if (Date.now() > limit) return false;
      await sleep(50);
    }
    return !ready.includes(false);
  });
}

async function readMysql(
  mysql: Connection,
  seller: string,
): Promise<Pick<SaleRecords, 'log' | 'coupons' | 'grabs' | 'damaged'>> {
  const select = async (sql: string, values: unknown[] = [seller]) =>
    (await mysql.query<RowDataPacket[]>(sql, values))[0];
  const log = await select(
    'SELECT HEX(coupon_id) AS id, version, type, name, occurred_at, data FROM event_log WHERE seller = ?',
  );
  const coupons = await select('SELECT name, amount, pieces_left, version FROM coupons WHERE seller = ?');
  const grabs = await select(
    `SELECT c.name, g.version, g.customer FROM coupon_grabs g JOIN coupons c ON c.id = g.coupon_id WHERE c.seller = ?`,
  );
  // Coupons of all sellers: n events must be versions 1..n, and the tables must match the end of the log.
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

async function readRedis(redis: Redis, seller: string, requests: readonly Request[]): Promise<SaleRecords['redis']> {
  const names = [...new Set(requests.map(({ coupon }) => coupon))];
  const coupons = await Promise.all(names.map((name) => readCoupon(redis, seller, name)));
  const customers = [...new Set(requests.flatMap(({ customer }) => customer ?? []))];
  const customerViews: Record<string, string[]> = {};
  for (let from = 0; from < customers.length; from += VIEWS_AT_ONCE) {
    const read = async (customer: string) => {
      customerViews[customer] = await redis.zrange(keys.customerView(customer), 0, '-1');
    };
    await Promise.all(customers.slice(from, from + VIEWS_AT_ONCE).map(read));
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
    // A value is the version, and the idempotency key after it if the grab had one.
    holders: Object.fromEntries(
      Object.entries(holders).map(([customer, value]) => [customer, Number.parseInt(value, 10)]),
    ),
  };
}

/** Entries in the outbox of all partitions, as `partition/id`. */
export async function readOutbox(redis: Redis): Promise<string[]> {
  const entries = await Promise.all(allPartitions.map((partition) => redis.xrange(keys.outbox(partition), '-', '+')));
  return entries.flatMap((list, partition) => list.map(([id]) => `${partition}/${id}`));
}
