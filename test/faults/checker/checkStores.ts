import { isDeepStrictEqual } from 'node:util';
import { groupBy } from '../../../src/infra/groupBy.ts';
import type { Request } from './requestHistory.ts';
import type { LoggedEvent, RedisCoupon, SaleRecords, Violation } from './saleRecords.ts';

// Compares the stores with each other and with the invariants of a sale.

/**
 * `redisLosesData`: the fault took data from Redis that MySQL may not have had. Then a win that no client got an answer for may
 * be lost, and its piece may be for sale again.
 */
export function checkStores(requests: readonly Request[], records: SaleRecords, redisLosesData: boolean): Violation[] {
  const violations: Violation[] = [];
  const report = (name: string, sample: string) => violations.push({ name, sample });
  if (!records.drained) report('not-drained', 'the outbox does not empty, or an application is not ready');
  for (const letter of records.redis.deadLetters) report('dead-letter', letter);
  for (const coupon of records.damaged) report('damaged', coupon);

  const logs = groupBy(records.log, ({ coupon }) => coupon);
  const tables = new Map(records.coupons.map((row) => [row.name, row]));
  const tableGrabs = groupBy(records.grabs, ({ coupon }) => coupon);
  const inRedis = new Map(records.redis.coupons.map((coupon) => [coupon.name, coupon]));
  const requestedGrabs = groupBy(
    requests.filter(({ op }) => op === 'grab'),
    ({ coupon }) => coupon,
  );

  for (const name of new Set([...logs.keys(), ...tables.keys(), ...inRedis.keys()])) {
    const events = logs.get(name) ?? [];
    const table = tables.get(name);
    const redis = inRedis.get(name);
    const rows = tableGrabs.get(name) ?? [];
    const amount = table?.amount ?? redis?.amount ?? 0;
    const [inLog, inTable, holders] = [holdersInLog(events), holdersInTable(rows), redis?.holders ?? {}];
    const counts = [
      events.filter(({ type }) => type === 'CouponGrabbed').length,
      rows.length,
      Object.keys(holders).length,
    ];
    if (Math.max(...counts) > amount) report('oversold', `${name}: ${counts} of ${amount}`);

    const versions = events.map(({ version }) => version).sort((a, b) => a - b);
    if (new Set(versions).size < versions.length || new Set(events.map(({ couponId }) => couponId)).size > 1)
      report('duplicate', `${name}: a version twice in the log`);
    if (Object.keys(inLog).length < (counts[0] ?? 0)) report('duplicate', `${name}: a customer twice in the log`);
    if (Object.keys(inTable).length < rows.length || new Set(rows.map(({ version }) => version)).size < rows.length)
      report('duplicate', `${name}: a customer or a version twice in coupon_grabs`);
    if (versions.some((version, place) => version !== place + 1)) report('gap', `${name}: ${firstGap(versions)}`);

    if (!isDeepStrictEqual(inTable, inLog)) report('table-differs', `${name}: ${difference(inTable, inLog)}`);
    if (!isDeepStrictEqual(holders, inLog)) report('redis-differs', `${name}: ${difference(holders, inLog)}`);
    const states = [stateInLog(events), stateOf(table), stateOf(redis)];
    if (new Set(states).size > 1)
      report('state-differs', `${name}: log ${states[0]}, table ${states[1]}, Redis ${states[2]}`);

    const grabs = requestedGrabs.get(name) ?? [];
    const unknownWithoutRow = new Set(
      grabs
        .filter(({ outcome, customer = '' }) => outcome === 'unknown' && !(customer in inTable))
        .map(({ customer }) => customer),
    );
    const possiblyLost = redisLosesData ? unknownWithoutRow.size : 0;
    if (grabs.some(({ outcome }) => outcome === 'sold-out') && rows.length + possiblyLost < amount)
      report('unsold', `${name}: ${rows.length} of ${amount} after sold-out`);
  }
  return [...violations, ...checkViews(records)];
}

function checkViews({ redis, coupons }: SaleRecords): Violation[] {
  const violations: Violation[] = [];
  const offered = coupons.map(({ name }) => name).sort();
  if (!isDeepStrictEqual([...redis.sellerView].sort(), offered))
    violations.push({ name: 'view-differs', sample: `seller: ${redis.sellerView}, coupons: ${offered}` });
  const held = new Map<string, string[]>();
  for (const { name, holders } of redis.coupons)
    for (const customer of Object.keys(holders)) held.set(customer, [...(held.get(customer) ?? []), name]);
  for (const [customer, paths] of Object.entries(redis.customerViews)) {
    const inView = paths.map((path) => path.slice(path.indexOf('/') + 1)).sort();
    const holds = (held.get(customer) ?? []).sort();
    if (!isDeepStrictEqual(inView, holds))
      violations.push({ name: 'view-differs', sample: `${customer} sees ${inView}, holds ${holds}` });
  }
  return violations;
}

const holdersInLog = (events: readonly LoggedEvent[]) =>
  Object.fromEntries(events.flatMap(({ customer, version }) => (customer === undefined ? [] : [[customer, version]])));
const holdersInTable = (rows: SaleRecords['grabs']) =>
  Object.fromEntries(rows.map(({ customer, version }) => [customer, version]));

const stateOf = (coupon: Pick<RedisCoupon, 'amount' | 'left' | 'version'> | undefined) =>
  coupon === undefined ? 'nothing' : `left ${coupon.left} at version ${coupon.version}`;

function stateInLog(events: readonly LoggedEvent[]): string {
  const last = events.reduce<LoggedEvent | undefined>((a, b) => (a && a.version > b.version ? a : b), undefined);
  return last === undefined ? 'nothing' : `left ${last.left} at version ${last.version}`;
}

function firstGap(versions: readonly number[]): string {
  const place = versions.findIndex((version, i) => version !== i + 1);
  return `version ${versions[place]} follows ${place}`;
}

/** The first customer who is missing on one side, or has another version there. */
function difference(actual: Record<string, number>, inLog: Record<string, number>): string {
  const customer = [...Object.keys(actual), ...Object.keys(inLog)].find((name) => actual[name] !== inLog[name]) ?? '';
  return `${customer} at version ${actual[customer]}, in the log ${inLog[customer]}`;
}
