import { isDeepStrictEqual } from 'node:util';
import { type CouponState, termsOf } from '../../../src/coupon/state.ts';
import { groupBy } from '../../../src/infra/groupBy.ts';
import { couponPath, piecePath } from '../../../src/infra/keys.ts';
import type { GrabRow, RedisCoupon, SaleRecords, StoredCoupon, Violation } from '../records/saleRecords.ts';
import type { CouponHistory } from './couponHistory.ts';
import { expectedOf } from './expectedStores.ts';

// Compares the tables, Redis and the views with the state that follows from the log.

export function checkStores(records: SaleRecords, histories: ReadonlyMap<string, CouponHistory>): Violation[] {
  const violations: Violation[] = [];
  const report = (name: string, sample: string) => violations.push({ name, sample });
  if (!records.drained) report('not-drained', 'the outbox does not empty, or an application is not ready');
  for (const letter of records.redis.deadLetters) report('dead-letter', letter);
  for (const mismatch of records.mismatches) report('verify', mismatch);

  const tables = new Map(records.coupons.map((row) => [row.name, row]));
  const tableGrabs = groupBy(records.grabs, ({ coupon }) => coupon);
  const inRedis = new Map(records.redis.coupons.map((coupon) => [coupon.name, coupon]));
  for (const name of new Set([...histories.keys(), ...tables.keys(), ...inRedis.keys()])) {
    const history = histories.get(name);
    const [table, redis, rows] = [tables.get(name), inRedis.get(name), tableGrabs.get(name) ?? []];
    const differ = (violation: string, actual: unknown, expected: unknown) => {
      if (!isDeepStrictEqual(plain(actual), plain(expected)))
        report(violation, `${name}: ${firstDifference(plain(actual), plain(expected))}`);
    };
    const counts = [rows.filter(({ releasedAt }) => releasedAt === undefined).length, countHeld(redis)];
    const amount = Math.max(table?.amount ?? 0, redis?.amount ?? 0);
    if (Math.max(...counts) > amount) report('oversold', `${name}: ${counts} of ${amount}`);
    const expected = expectedOf(history);
    differ('table-differs', rows.map(withoutName).toSorted(byVersion), expected.rows);
    differ('redis-differs', redis?.holders ?? {}, expected.holders);
    differ('redis-differs', redis?.redemptions ?? {}, expected.redemptions);
    differ('redis-differs', redis?.requests ?? {}, expected.requests);
    differ('redis-differs', [redis?.released, redis?.redeemed], expected.counts);
    differ('state-differs', stateOf(table), stateOf(expected.state));
    differ('state-differs', stateOf(redis), stateOf(expected.state));
    if ((redis?.unlogged ?? 0) > 0) report('unconfirmed', `${name}: ${redis?.unlogged} events that MySQL has`);
  }
  return [...violations, ...checkCodes(records), ...checkViews(records)];
}

/** Fields that are undefined count as absent, and the order of keys does not count. */
const plain = (value: unknown): unknown => (value === undefined ? 'nothing' : JSON.parse(JSON.stringify(value)));
const withoutName = ({ coupon: _, ...row }: GrabRow) => row;
const byVersion = (a: { version: number }, b: { version: number }) => a.version - b.version;
const countHeld = (redis: RedisCoupon | undefined) =>
  Object.values(redis?.holders ?? {}).reduce((sum, pieces) => sum + pieces.length, 0);

function stateOf(coupon: StoredCoupon | CouponState | undefined) {
  if (coupon === undefined) return undefined;
  const { amount, left, version, perCustomer, phase } = coupon;
  return { amount, left, version, perCustomer, phase, ...termsOf(coupon) };
}

function checkCodes({ log, redis }: SaleRecords): Violation[] {
  const wrong = log.filter(
    ({ type, coupon, data }) =>
      type === 'CouponGrabbed' &&
      'code' in data &&
      data.code !== undefined &&
      redis.codes[data.code] !== `${couponPath(coupon)}/${data.customer}`,
  );
  return wrong.map((event) => ({ name: 'redis-differs', sample: `the code of ${JSON.stringify(event)}` }));
}

function checkViews({ log, redis, coupons }: SaleRecords): Violation[] {
  const violations: Violation[] = [];
  const report = (whose: string, actual: string[], expected: string[]) => {
    if (!isDeepStrictEqual(actual.toSorted(), expected.toSorted()))
      violations.push({ name: 'view-differs', sample: `${whose} sees ${actual}, and has ${expected}` });
  };
  report(
    'the seller',
    redis.sellerView,
    coupons.map(({ name }) => name),
  );
  const seller = log[0]?.coupon.seller ?? '';
  const held = new Map<string, string[]>();
  for (const { name, holders } of redis.coupons)
    for (const [customer, pieces] of Object.entries(holders))
      held.set(customer, [
        ...(held.get(customer) ?? []),
        ...pieces.map(({ code }) => piecePath({ seller, name }, code)),
      ]);
  for (const [customer, paths] of Object.entries(redis.customerViews))
    report(customer, paths, held.get(customer) ?? []);
  return violations;
}

function firstDifference(actual: unknown, expected: unknown): string {
  if (typeof actual === 'object' && typeof expected === 'object' && actual !== null && expected !== null) {
    const [a, b] = [actual as Record<string, unknown>, expected as Record<string, unknown>];
    const key = [...Object.keys(a), ...Object.keys(b)].find((key) => !isDeepStrictEqual(a[key], b[key]));
    if (key !== undefined) return `${key} is ${JSON.stringify(a[key])}, and follows as ${JSON.stringify(b[key])}`;
  }
  return `${JSON.stringify(actual)}, and follows as ${JSON.stringify(expected)}`;
}
