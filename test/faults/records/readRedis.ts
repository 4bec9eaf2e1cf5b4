import type { Redis } from 'ioredis';
import type { Phase } from '../../../src/coupon/state.ts';
import type { CouponEvent } from '../../../src/events.ts';
import { allPartitions, keys, partitionOf } from '../../../src/infra/keys.ts';
import type { Request } from './requestHistory.ts';
import type { HeldPiece, RedisCoupon, SaleRecords } from './saleRecords.ts';

const AT_ONCE = 1_000;

/** The coupons of one seller and the views of the customers who sent requests. */
export async function readRedis(
  redis: Redis,
  seller: string,
  requests: readonly Request[],
  log: readonly CouponEvent[],
): Promise<SaleRecords['redis']> {
  const names = [...new Set(requests.map(({ coupon }) => coupon))];
  const coupons = await Promise.all(names.map((name) => readCoupon(redis, seller, name)));
  const customers = [...new Set(requests.flatMap(({ customer }) => customer ?? []))];
  const views = await inTurns(customers, (customer) =>
    redis.zrange(keys.customerView(customer), '(0', '+inf', 'BYSCORE'),
  );
  const grabs = log.filter((event) => event.type === 'CouponGrabbed');
  const codes = await inTurns(grabs, async ({ coupon, data: { code = '' } }) => [
    code,
    (await redis.hget(keys.codes(partitionOf(coupon)), code)) ?? '',
  ]);
  const letters = await Promise.all(
    allPartitions.map((partition) => redis.xrange(keys.deadLetters(partition), '-', '+')),
  );
  return {
    coupons: coupons.flatMap((coupon) => coupon ?? []),
    codes: Object.fromEntries(codes),
    sellerView: await redis.zrange(keys.sellerView(seller), 0, '-1'),
    customerViews: Object.fromEntries(customers.map((customer, place) => [customer, views[place] ?? []])),
    deadLetters: letters.flat().map(([, fields]) => fields.join(' ')),
  };
}

async function inTurns<Item, Result>(items: readonly Item[], read: (item: Item) => Promise<Result>): Promise<Result[]> {
  const results: Result[] = [];
  for (let from = 0; from < items.length; from += AT_ONCE)
    results.push(...(await Promise.all(items.slice(from, from + AT_ONCE).map(read))));
  return results;
}

async function readCoupon(redis: Redis, seller: string, name: string): Promise<RedisCoupon | undefined> {
  const coupon = { seller, name };
  const fields = await redis.hgetall(keys.coupon(coupon));
  if (fields.amount === undefined) return undefined;
  const number = (field: string) => (fields[field] === undefined ? undefined : Number(fields[field]));
  const redemptions = await redis.hgetall(keys.redemptions(coupon));
  const holders = await redis.hgetall(keys.holders(coupon));
  return {
    name,
    amount: Number(fields.amount),
    left: Number(fields.left ?? Number.NaN),
    version: Number(fields.version ?? Number.NaN),
    perCustomer: Number(fields.perCustomer ?? 1),
    phase: (fields.phase ?? 'open') as Phase,
    stock: Number(fields.stock ?? Number.NaN),
    description: fields.description ?? '',
    startsAt: number('startsAt'),
    endsAt: number('endsAt'),
    validFrom: number('validFrom'),
    validUntil: number('validUntil'),
    released: number('released') ?? 0,
    redeemed: number('redeemed') ?? 0,
    holders: Object.fromEntries(Object.entries(holders).map(([customer, value]) => [customer, toPieces(value)])),
    redemptions: Object.fromEntries(Object.entries(redemptions).map(([code, at]) => [code, Number(at)])),
    requests: await redis.hgetall(keys.requests(coupon)),
    unlogged: (await redis.hlen(keys.unloggedChanges(coupon))) + (await redis.hlen(keys.unloggedPieces(coupon))),
  };
}

/** Pieces are joined by line feeds, each `<grab version>[,<code>][ <idempotency key>]`. */
const toPieces = (value: string): HeldPiece[] =>
  value.split('\n').map((text) => {
    const [, grab, code, key] = /^(\d+)(?:,(\w+))?(?: (.*))?$/s.exec(text) ?? [];
    return { grab: Number(grab), code, key };
  });

/** Entries in the outbox of all partitions, as `partition/id`. */
export async function readOutbox(redis: Redis): Promise<string[]> {
  const entries = await Promise.all(allPartitions.map((partition) => redis.xrange(keys.outbox(partition), '-', '+')));
  return entries.flatMap((list, partition) => list.map(([id]) => `${partition}/${id}`));
}
