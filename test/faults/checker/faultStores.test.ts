import * as assert from 'uvu/assert';
import { type Broken, checkerSuite, last } from './checkerSuite.ts';

// The checker of the fault harness finds every difference between the stores and the log.

const { test, sale, testBroken } = checkerSuite("the fault harness's checker: stores");
const inRedis = () => last(sale().records.redis.coupons);
const inTable = () => last(sale().records.coupons);
/** The row of eve. */
const row = () => last(sale().records.grabs);

test('the stores of the sale that went well are as the checker expects them', () => {
  const { coupons, grabs, redis } = sale().records;
  const times = sale().records.log.map(({ occurredAt }) => occurredAt);
  const state = { amount: 3, left: 1, version: 10, perCustomer: 1, phase: 'open', stock: 5, description: 'sun' };
  for (const [field, value] of Object.entries(state)) assert.is(coupons[0]?.[field as 'amount'], value, field);
  assert.equal(JSON.parse(JSON.stringify(grabs)), [
    { coupon: 'sea', version: 2, customer: 'Bob', code: 'B1', releasedAt: times[3] },
    { coupon: 'sea', version: 3, customer: 'bob', code: 'B2' },
    { coupon: 'sea', version: 5, customer: 'eve', code: 'E1' },
  ]);
  const { holders, redemptions, requests, released, redeemed } = inRedis();
  assert.equal(JSON.parse(JSON.stringify({ holders, redemptions, requests, released, redeemed })), {
    holders: { bob: [{ grab: 3, code: 'B2', key: 'k2' }], eve: [{ grab: 5, code: 'E1' }] },
    redemptions: {},
    requests: { 'grab Bob k1': 'B1', 'redeem B2 k3': String(times[5]), 'restock k4': String(times[7]) },
    released: 1,
    redeemed: 0,
  });
  assert.equal(redis.customerViews, { bob: ['ann/sea/B2'], eve: ['ann/sea/E1'] });
});

const brokenStores: Broken[] = [
  ['a row with another code', ['table-differs'], () => Object.assign(row(), { code: 'E2' })],
  ['a row of a piece that is not given back', ['table-differs'], () => Object.assign(row(), { releasedAt: 5 })],
  ['a row of a redemption that did not happen', ['table-differs'], () => Object.assign(row(), { redeemedAt: 5 })],
  ['a row twice', ['table-differs'], () => sale().records.grabs.push(row())],
  ['a wrong number of pieces left', ['state-differs'], () => Object.assign(inTable(), { left: 2 })],
  ['a pause in Redis alone', ['state-differs'], () => Object.assign(inRedis(), { phase: 'paused' })],
  ['a window in the tables alone', ['state-differs'], () => Object.assign(inTable(), { endsAt: 5 })],
  [
    'more holders in Redis than pieces',
    ['oversold', 'redis-differs'],
    () => Object.assign(inRedis().holders, { kim: [{ grab: 8 }, { grab: 9 }] }),
  ],
  [
    'a holder without the key',
    ['redis-differs'],
    () => Object.assign(last(inRedis().holders.bob ?? []), { key: undefined }),
  ],
  ['a redemption in Redis alone', ['redis-differs'], () => Object.assign(inRedis().redemptions, { B2: 5 })],
  ['a key without its success in Redis', ['redis-differs'], () => delete inRedis().requests['restock k4']],
  ['a wrong count of releases', ['redis-differs'], () => Object.assign(inRedis(), { released: 0 })],
  ['a dead code that Redis has forgotten', ['redis-differs'], () => delete sale().records.redis.codes.B1],
  ['an event that Redis still carries', ['unconfirmed'], () => Object.assign(inRedis(), { unlogged: 1 })],
  [
    'a coupon missing in Redis',
    ['redis-differs', 'state-differs', 'view-differs'],
    () => sale().records.redis.coupons.pop(),
  ],
  [
    "a customer's view without a piece",
    ['view-differs'],
    () => Object.assign(sale().records.redis.customerViews, { bob: [] }),
  ],
  [
    "a customer's view with a piece that was given back",
    ['view-differs'],
    () => Object.assign(sale().records.redis.customerViews, { Bob: ['ann/sea/B1'] }),
  ],
  ["a seller's view without a coupon", ['view-differs'], () => sale().records.redis.sellerView.pop()],
  ['a dead letter', ['dead-letter'], () => sale().records.redis.deadLetters.push('x')],
  ['an outbox that does not empty', ['not-drained'], () => Object.assign(sale().records, { drained: false })],
  ['a mismatch that verify finds', ['verify'], () => sale().records.mismatches.push('ann/sky: version 2 is missing')],
];

testBroken(brokenStores, false);

test.run();
