import { rejects } from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { newCode } from '../../../src/coupon/code.ts';
import type { CouponEvent } from '../../../src/events.ts';
import { keys, partitionOf } from '../../../src/infra/keys.ts';
import { connectOnce } from '../../../src/infra/stores/mysql.ts';
import { createLog } from '../../../src/infra/telemetry/log.ts';
import { insertEvents } from '../../../src/projections/insertEvents.ts';
import { projectionTransaction } from '../../../src/projections/log/pause.ts';
import { verifyAll, verifyOne } from '../../../src/projections/verify/verifyStores.ts';
import { openSystem } from '../../../src/system.ts';
import { lifeOf } from '../../support/couponLife.ts';
import { gateOpens, lockCoupons } from '../../support/outages.ts';
import { couponRef, created, grabbed, paused, redeemed, released, termsChanged } from '../../support/sampleEvents.ts';
import { openTestSystem, settled } from '../../support/testSystem.ts';

// Verify knows every rule of a coupon's life, in every store.

const { system, config, close } = await openTestSystem();
const { redis, mysql } = system;
const { connection, close: closeConnection } = await connectOnce(config.mysqlUrl);
const test = suite("verify of a coupon's life");

const HOUR = 3_600_000_000;
const now = Date.now() * 1_000;
const sea = { seller: 'ann', name: 'sea' };
const plain = { seller: 'ann', name: 'plain' };
/** A coupon of which a customer may hold two pieces, although none does. */
const pairs = { seller: 'ann', name: 'pairs' };
const life = lifeOf(system, sea);
/** Codes of the coupon: bob gave the first one back and holds the second, which is redeemed, and the third; Bob, another customer, holds one. */
const codes = { dead: '', redeemed: '', good: '', other: '', plain: '' };
const verify = () => verifyAll({ redis, connection, signal: new AbortController().signal, onProgress: () => {} });

async function rehydrated(): Promise<void> {
  await redis.del(keys.marker);
  await rejects(() => system.fence.mustStand());
  await gateOpens(system);
}

test.before(async () => {
  const limits = { startsAt: now - HOUR, endsAt: now + HOUR, validFrom: now - HOUR, validUntil: now + HOUR };
  await life.create(5, { ...limits, perCustomer: 2 });
  codes.dead = await lifeOf(system, sea, 'first').grab('bob');
  codes.redeemed = await life.grab('bob');
  codes.other = await life.grab('Bob');
  await lifeOf(system, sea, 'back').release('bob', codes.dead);
  codes.good = await life.grab('bob');
  await lifeOf(system, sea, 'till').redeem(codes.redeemed);
  await life.redeem(codes.other);
  await life.undo(codes.other);
  await life.pause();
  await life.resume();
  await life.restock(3);
  await life.change({ stock: 6, validUntil: null });
  await life.pause();
  await lifeOf(system, plain).create(2);
  codes.plain = await lifeOf(system, plain).grab('bob');
  await lifeOf(system, pairs).create(2, { perCustomer: 2 });
  for (const customer of ['bob', 'Bob']) await lifeOf(system, pairs).grab(customer);
  await settled(system);
});

test('given stores that agree, verify finds nothing and counts the same on every side', async () => {
  const { log, mysql: tables, redis: inRedis, ...report } = await verify();
  const totals = { coupons: 3, pieces: 12, left: 6, held: 6, released: 1, redeemed: 1, events: 19 };
  assert.equal([log, tables, inRedis], [totals, totals, totals]);
  // The entries of the views are three coupons of the seller, and six pieces that customers hold.
  assert.equal(report, { onTheirWay: 0, gaps: 0, sales: 7, views: 9, deadLetters: 0, wrong: 0, mismatches: [] });
});

test('after a rebuild of Redis, verify finds nothing', async () => {
  await redis.flushall();
  await rejects(() => system.fence.mustStand());
  await gateOpens(system);
  assert.equal((await verify()).mismatches, []);
});

/** Does damage to a store. Resolves to what mends it. */
type Damage = () => Promise<() => Promise<unknown>>;

/** Sets a field of a hash in Redis, or deletes it. */
const field =
  (key: string, name: string, value: (before: string | null) => string | null): Damage =>
  async () => {
    const before = await redis.hget(key, name);
    const set = (to: string | null) => (to === null ? redis.hdel(key, name) : redis.hset(key, name, to));
    await set(value(before));
    return () => set(before);
  };
/** Sets the time of an entry of a view, or removes the entry. */
const score =
  (key: string, member: string, value: string | null): Damage =>
  async () => {
    const before = await redis.zscore(key, member);
    const set = (to: string | null) => (to === null ? redis.zrem(key, member) : redis.zadd(key, to, member));
    await set(value);
    return () => set(before);
  };
/** Sets a column of the row that `where` selects. */
const column =
  (table: string, where: object, name: string, value: string | number | null): Damage =>
  async () => {
    const [row] = await mysql(table).where(where);
    await mysql(table)
      .where(where)
      .update({ [name]: value });
    return () =>
      mysql(table)
        .where({ ...where, [name]: value })
        .update({ [name]: row[name] });
  };
const both =
  (one: Damage, other: Damage): Damage =>
  async () => {
    const mends = [await one(), await other()];
    return () => Promise.all(mends.map((mend) => mend()));
  };
const hash = keys.coupon(sea);
const holders = keys.holders(sea);
const bobsView = keys.customerView('bob');
const index = keys.codes(partitionOf(sea));

const damages: [what: string, damage: () => Damage, says: RegExp][] = [
  // Redis.
  ['another phase', () => field(hash, 'phase', () => null), /Redis at version 14 has phase \(none\), the log paused/],
  ['another end of the sale', () => field(hash, 'endsAt', () => '1'), /has endsAt 1, the log \d+/],
  [
    'a start of the validity that is missing',
    () => field(hash, 'validFrom', () => null),
    /has validFrom \(none\), the log \d+/,
  ],
  [
    'an end of the validity that was removed',
    () => field(hash, 'validUntil', () => '1'),
    /has validUntil 1, the log \(none\)/,
  ],
  ['another limit', () => field(hash, 'perCustomer', () => '3'), /has perCustomer 3, the log 2/],
  ['another amount', () => field(hash, 'amount', () => '5'), /has amount 5, the log 8/],
  ['another number of pieces given back', () => field(hash, 'released', () => '2'), /has released 2, the log 1/],
  [
    'another number of redeemed pieces',
    () => field(hash, 'redeemed', () => null),
    /Redis has 1 redeemed codes at version 14, and counts 0/,
  ],
  [
    'a lost piece of a customer with two',
    () => field(holders, 'bob', (value) => String(value?.split('\n')[0])),
    /Redis lacks the piece of bob of version 6/,
  ],
  [
    'a dead code as a holder',
    () => field(holders, 'Bob', (value) => `2,${codes.dead}\n${value}`),
    /Redis has "2,\w+" as a piece of Bob, which the log does not have/,
  ],
  [
    'a piece that was given back and is still held',
    () => field(holders, 'bob', (value) => `2,${codes.dead} first\n${value}`),
    /Redis still has the piece of bob of version 2, which was given back/,
  ],
  [
    'a holder whom the log does not have',
    () => field(holders, 'tom', () => `2,${codes.dead}`),
    /Redis has 3 holders at version 14, the log 2/,
  ],
  [
    'a piece that the log does not have, within the limit',
    () => field(keys.holders(pairs), 'bob', (value) => `1,${codes.dead}\n${value}`),
    /ann\/pairs: Redis has "1,\w+" as a piece of bob, which the log does not have/,
  ],
  [
    'a piece over the limit',
    () => field(holders, 'bob', (value) => `${value}\n99,${newCode(partitionOf(sea))}`),
    /Redis has 3 pieces of bob, and the limit is 2/,
  ],
  [
    'a code of another coupon',
    () => field(holders, 'Bob', (value) => String(value?.replace(codes.other, codes.plain))),
    /Redis has the piece of Bob as "4,\w+", the log as "4,\w+"/,
  ],
  [
    'a code that leads to another customer',
    () => field(index, codes.good, () => 'ann/sea/Bob'),
    /the code of version 6 leads to ann\/sea\/Bob/,
  ],
  [
    'a dead code that leads nowhere',
    () => field(index, codes.dead, () => null),
    /the code of version 2 leads to no piece/,
  ],
  [
    'a lost redemption',
    () => field(keys.redemptions(sea), codes.redeemed, () => null),
    /Redis lacks the redemption of version 3/,
  ],
  [
    'a redemption that was undone',
    () => field(keys.redemptions(sea), codes.other, () => '1'),
    /Redis has 2 redeemed codes at version 14, and counts 1/,
  ],
  [
    'a redemption of another code, which Redis counts',
    () =>
      both(
        field(keys.redemptions(sea), codes.other, () => '1'),
        field(hash, 'redeemed', () => '2'),
      ),
    /has redeemed 2, the log 1/,
  ],
  [
    'a key whose redemption may be repeated',
    () => field(keys.requests(sea), `redeem ${codes.redeemed} till`, () => null),
    /Redis lacks the idempotency key of version 7/,
  ],
  [
    'a key of a piece that was given back and may be grabbed again',
    () => field(keys.requests(sea), 'grab bob first', () => null),
    /Redis lacks the idempotency key of version 2 \("grab bob first"\)/,
  ],
  [
    'an event that Redis carries for ever',
    () => field(keys.unloggedChanges(sea), '11', () => '[]'),
    /Redis at version 14 carries 1 events that MySQL has/,
  ],
  [
    'an entry of a view for a piece that was given back',
    () => score(bobsView, `ann/sea/${codes.dead}`, '7'),
    /ann\/sea\/\w+: in the view of bob, who does not hold this piece/,
  ],
  [
    'a lost mark of a piece that was given back',
    () => score(bobsView, `ann/sea/${codes.dead}`, null),
    /version 2 is not in seckill:view:customer:bob/,
  ],
  [
    'a held piece that the view has as given back',
    () => score(bobsView, `ann/sea/${codes.good}`, '-7'),
    /version 6 has the time -7 instead of \d+ in/,
  ],
  [
    'an entry of a view with another code',
    () => score(bobsView, 'ann/plain/000000000000', '7'),
    /ann\/plain\/0{12}: in the view of bob, who does not hold/,
  ],

  // MySQL.
  [
    'another window in the table',
    () => column('coupons', sea, 'ends_at', null),
    /MySQL has endsAt \(none\), the log \d+/,
  ],
  [
    'another phase in the table',
    () => column('coupons', sea, 'phase', 'open'),
    /MySQL has phase \(none\), the log paused/,
  ],
  [
    'another limit in the table',
    () => column('coupons', sea, 'per_customer', 1),
    /MySQL has perCustomer \(none\), the log 2/,
  ],
  ['another amount in the table', () => column('coupons', sea, 'amount', 9), /MySQL has amount 9, the log 8/],
  [
    'terms that later changes would not replace',
    () => column('coupons', sea, 'terms_version', 99),
    /MySQL has terms_version 99, the log 13/,
  ],
  [
    'another code in the table',
    () => column('coupon_grabs', { customer: 'bob', version: 6 }, 'code', 'X'),
    /coupon_grabs and the log differ at version 6/,
  ],
  [
    'a release that the table lacks',
    () => column('coupon_grabs', { code: codes.dead }, 'released_at', null),
    /coupon_grabs and the log differ at version 5/,
  ],
  [
    'a redemption that the table has twice',
    () => column('coupon_grabs', { customer: 'bob', version: 6 }, 'redeemed_at', 7),
    /coupon_grabs and the log differ at version 6/,
  ],
  [
    'a change of a piece that no event explains',
    () => column('coupon_grabs', { customer: 'bob', version: 6 }, 'changed_version', 9),
    /coupon_grabs has 1 rows that changed without an event of the log/,
  ],
];
for (const [what, damage, says] of damages) {
  test(`verify finds ${what}, and finds nothing after it is mended`, async () => {
    const mend = await damage()();
    const { mismatches } = await verify();
    await mend();
    assert.match(mismatches.join('\n'), says);
    assert.equal((await verify()).mismatches, []);
  });
}

// No false alarms.

test('events of every kind that wait in the outbox while MySQL is blocked are no mismatch', async () => {
  const coupon = { seller: 'ann', name: 'blocked' };
  const blocked = lifeOf(system, coupon);
  await blocked.create(9, { perCustomer: 2 });
  const [first, second, third] = [await blocked.grab('bob'), await blocked.grab('bob'), await blocked.grab('Bob')];
  await blocked.redeem(third);
  await settled(system);
  const unlock = await lockCoupons(system, 'blocked');
  await blocked.release('bob', first);
  await blocked.redeem(second);
  await blocked.undo(third);
  await blocked.grab('bob');
  await blocked.grab('tom');
  await blocked.restock(5);
  await blocked.change({ stock: 9 });
  await blocked.close();
  // A release whose view entry could not be written yet.
  const [bobsView, member] = [keys.customerView('bob'), `ann/blocked/${first}`];
  const score = Number(await redis.zscore(bobsView, member));
  await redis.zadd(bobsView, -score, member);
  const report = await verify();
  await redis.zadd(bobsView, score, member);
  await unlock();
  await settled(system);
  assert.equal([report.mismatches, report.onTheirWay], [[], 8]);
  const after = await verify();
  assert.equal([after.mismatches, after.onTheirWay], [[], 0]);
});

test('verify reports no mismatch while two processes grab, give back, redeem and change as fast as they can', async () => {
  const other = await openSystem(config, createLog('silent'));
  const names = ['busy 1', 'busy 2', 'busy 3'];
  for (const name of names) await lifeOf(system, { seller: 'ann', name }).create(100_000, { perCustomer: 3 });
  let selling = true;
  let done = 0;
  const use = async (of: typeof system, who: number) => {
    for (let i = 0; selling; i++) {
      const busy = lifeOf(of, { seller: 'ann', name: names[i % 3] ?? '' });
      const customer = `customer ${who} ${i % 50}`;
      try {
        const [kept, given] = [await busy.grab(customer), await busy.grab(customer)];
        await busy.redeem(kept);
        await busy.undo(kept);
        await busy.release(customer, given);
        if (i % 10 === 0) await busy.restock(1);
        if (i % 10 === 5) await busy.change({ stock: i });
        await busy.release(customer, kept);
        done++;
      } catch {
        // The outcome of an overloaded process is unknown, and a customer may be at the limit then.
        await sleep(10);
      }
    }
  };
  const users = Array.from({ length: 8 }, (_, who) => use(who % 2 ? other.system : system, who));
  const alarms: string[] = [];
  for (let round = 0; round < 12; round++) {
    for (const name of names) {
      const report = await verifyOne({ redis, connection }, `ann/${name}`);
      alarms.push(...(report?.mismatches ?? []));
    }
  }
  selling = false;
  await Promise.all(users);
  await settled(system);
  for (const name of names)
    alarms.push(...((await verifyOne({ redis, connection }, `ann/${name}`))?.mismatches ?? ['no report']));
  await other.close();
  assert.equal(alarms, []);
  assert.ok(done > 30, `${done}`);
});

// Damage of the log: events that no script can have decided. They stay, so each case has a coupon of its own.

const code = () => newCode(0);
const contradictions: [what: string, eventsOf: (name: string) => CouponEvent[], says: RegExp][] = [
  [
    'a grab outside the window',
    (name) => {
      const coupon = couponRef(name);
      return [created(coupon, 3, { endsAt: 1 }), grabbed(coupon, 2, 'bob', 2, code())];
    },
    /version 2, CouponGrabbed, should have been refused: ended/,
  ],
  [
    'a grab of a paused coupon',
    (name) => {
      const coupon = couponRef(name);
      return [created(coupon, 3), paused(coupon, 2, 3), grabbed(coupon, 3, 'bob', 2, code())];
    },
    /version 3, CouponGrabbed, should have been refused: paused/,
  ],
  [
    'a second piece over the limit',
    (name) => {
      const coupon = couponRef(name);
      return [created(coupon, 3), grabbed(coupon, 2, 'bob', 2, code()), grabbed(coupon, 3, 'bob', 1, code())];
    },
    /version 3, CouponGrabbed, should have been refused: already-grabbed/,
  ],
  [
    'a code that was redeemed twice',
    (name) => {
      const coupon = couponRef(name);
      const grab = grabbed(coupon, 2, 'bob', 2, code());
      return [created(coupon, 3), grab, redeemed(grab, 3, 2), redeemed(grab, 4, 2)];
    },
    /version 4, CouponRedeemed, should have been refused: redeemed/,
  ],
  [
    'a dead code that was redeemed',
    (name) => {
      const coupon = couponRef(name);
      const grab = grabbed(coupon, 2, 'bob', 2, code());
      return [created(coupon, 3), grab, released(grab, 3, 3), redeemed(grab, 4, 3)];
    },
    /version 4, CouponRedeemed, should have been refused: no-such-code/,
  ],
  [
    'a piece that was given back by another customer',
    (name) => {
      const coupon = couponRef(name);
      const grab = grabbed(coupon, 2, 'bob', 2, code());
      return [created(coupon, 3), grab, released({ ...grab, data: { ...grab.data, customer: 'Bob' } }, 3, 3)];
    },
    /version 3, GrabReleased, should have been refused: not-held/,
  ],
  [
    'terms with an empty window',
    (name) => {
      const coupon = couponRef(name);
      return [created(coupon, 3), termsChanged(coupon, 2, 3, { stock: 1, description: '', startsAt: 2, endsAt: 1 })];
    },
    /version 2, TermsChanged, should have been refused: empty-window/,
  ],
];
test('verify finds every contradiction of the log', async () => {
  for (const [what, eventsOf] of contradictions)
    await projectionTransaction(mysql, (_trx, run) => insertEvents(run, eventsOf(what)));
  await rehydrated();
  for (const [what, , says] of contradictions) {
    const report = await verifyOne({ redis, connection }, `ann/${what}`);
    assert.match(report?.mismatches.join('\n') ?? '', says);
  }
});

test.after(async () => {
  await closeConnection();
  await close();
});
test.run();
