import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { countRecovered } from './checkAnswers.ts';
import { check, type Excuses } from './checkSale.ts';
import type { Request } from './requestHistory.ts';
import type { Records } from './saleRecords.ts';

// The judge of the fault harness: in a tiny sale that went well it finds nothing, and it finds each thing that went wrong.

const test = suite("the fault harness's checker");

const AT = 1_700_000_000_000;
let requests: Request[];
let records: Records;

const ask = (more: Partial<Request>) => {
  const id = requests.length;
  const invokedAt = AT + id * 10;
  const request: Request = {
    ...{ id, op: 'grab', coupon: 'sea', app: 0, invokedAt, answeredAt: invokedAt + 5, outcome: 'ok', status: 201 },
    ...more,
  };
  requests.push(request);
  return request;
};
const refused = { status: 204 };
const unknown = { outcome: 'unknown', status: 503 } as const;

// Given a coupon of two pieces: Bob and bob have won (bob heard so at his second try), eve came too late, and tom heard nothing.
test.before.each(() => {
  requests = [];
  ask({ op: 'create', amount: 2 });
  ask({ customer: 'Bob', key: 'k1' });
  ask({ customer: 'bob', key: 'k2', ...unknown });
  ask({ customer: 'bob', key: 'k2' });
  ask({ customer: 'Bob', outcome: 'already-grabbed', ...refused });
  ask({ customer: 'eve', outcome: 'sold-out', ...refused });
  ask({ customer: 'tom', ...unknown });
  const event = (version: number, left: number, customer?: string) => ({
    ...{ coupon: 'sea', couponId: 'A1', version, left, occurredAt: (AT + version * 10) * 1_000 },
    ...(customer === undefined ? { type: 'CouponCreated' } : { type: 'CouponGrabbed', customer }),
  });
  records = {
    log: [event(1, 2), event(2, 1, 'Bob'), event(3, 0, 'bob')],
    coupons: [{ name: 'sea', amount: 2, left: 0, version: 3 }],
    grabs: [
      { coupon: 'sea', version: 2, customer: 'Bob' },
      { coupon: 'sea', version: 3, customer: 'bob' },
    ],
    redis: {
      coupons: [{ name: 'sea', amount: 2, left: 0, version: 3, holders: { Bob: 2, bob: 3 } }],
      sellerView: ['sea'],
      customerViews: { Bob: ['ann/sea'], bob: ['ann/sea'], eve: [], tom: [] },
      deadLetters: [],
    },
    drained: true,
    damaged: [],
    stops: [{ app: 0, at: AT + 1_000, exit: 0, ms: 200 }],
  };
});

/** The names of what is found, each once. */
const names = (excuses?: Excuses) => [...new Set(check(requests, records, excuses).map(({ name }) => name))].sort();

/** Takes one grab out of every store, as if it had never been. */
function undo(customer: string): void {
  records.log = records.log.filter((event) => event.customer !== customer);
  records.grabs = records.grabs.filter((row) => row.customer !== customer);
  for (const row of records.coupons) Object.assign(row, { left: row.left + 1, version: row.version - 1 });
  for (const coupon of records.redis.coupons) {
    Object.assign(coupon, { left: coupon.left + 1, version: coupon.version - 1 });
    delete coupon.holders[customer];
  }
  records.redis.customerViews[customer] = [];
}

/** The last one: bob's, or the only one. */
function only<T>(list: readonly T[]): T {
  const item = list.at(-1);
  if (item === undefined) throw new Error('nothing there');
  return item;
}
const bobEvent = () => only(records.log);
const inRedis = () => only(records.redis.coupons);
const inTable = () => only(records.coupons);
const stop = () => only(records.stops);

test('a sale that went well has no violation', () => {
  assert.equal(names(), []);
});

const broken: [what: string, found: string[], break_: () => void][] = [
  ['a 201 without a row', ['unsold', 'win-lost'], () => undo('bob')],
  ['a coupon that was put up and is gone', ['creation-lost'], () => ask({ op: 'create', coupon: 'sky' })],
  ['a row of somebody who never asked', ['never-asked'], () => requests.splice(2, 2)],
  ['two winning requests of one customer', ['won-twice'], () => ask({ customer: 'bob', key: 'k3' })],
  ['a 201 without a key after a 201', ['won-twice'], () => ask({ customer: 'Bob' })],
  ['sold-out told to a holder', ['holder-refused'], () => ask({ customer: 'bob', outcome: 'sold-out', ...refused })],
  [
    'already-grabbed told to nobody',
    ['untrue-already-grabbed'],
    () => ask({ customer: 'tom', outcome: 'already-grabbed', ...refused }),
  ],
  [
    'a retry that is refused',
    ['winner-refused'],
    () => ask({ customer: 'bob', key: 'k2', outcome: 'already-grabbed', ...refused }),
  ],
  ['a coupon that is denied', ['coupon-denied'], () => ask({ customer: 'kim', outcome: 'no-such-coupon', ...refused })],
  [
    'an answer that the contract has not',
    ['strange-answer'],
    () => ask({ customer: 'tom', outcome: 'unknown', status: 500 }),
  ],
  ['a grab long after it was sent', ['late'], () => Object.assign(bobEvent(), { occurredAt: (AT + 9_000) * 1_000 })],
  ['a stop with an error', ['bad-exit'], () => Object.assign(stop(), { exit: 'SIGKILL' })],
  ['a stop that takes long', ['slow-stop'], () => Object.assign(stop(), { ms: 10_001 })],
  [
    'a request dropped by a stop',
    ['unanswered-at-stop'],
    () => ask({ customer: 'tom', answeredAt: AT + 1_200, outcome: 'unknown', status: 0 }),
  ],
  [
    'more holders than pieces',
    ['oversold'],
    () => Object.assign(inRedis(), { amount: 1 }) && Object.assign(inTable(), { amount: 1 }),
  ],
  [
    'a piece left after sold-out',
    ['unsold'],
    () => Object.assign(inRedis(), { amount: 3 }) && Object.assign(inTable(), { amount: 3 }),
  ],
  [
    'a version twice in the log',
    ['duplicate', 'gap', 'redis-differs', 'state-differs', 'table-differs'],
    () => Object.assign(bobEvent(), { version: 2 }),
  ],
  [
    'a customer twice in coupon_grabs',
    ['duplicate', 'oversold'],
    () => records.grabs.push({ coupon: 'sea', version: 3, customer: 'bob' }),
  ],
  [
    'a gap in the log',
    ['gap', 'redis-differs', 'state-differs', 'table-differs'],
    () => Object.assign(bobEvent(), { version: 4 }),
  ],
  ['a row of another version', ['table-differs'], () => Object.assign(only(records.grabs), { version: 9 })],
  [
    'a holder whom MySQL has not',
    ['oversold', 'redis-differs', 'view-differs'],
    () => Object.assign(inRedis().holders, { eve: 4 }),
  ],
  ['a left that was counted wrong', ['state-differs'], () => Object.assign(inTable(), { left: 1 })],
  ['a coupon missing in Redis', ['redis-differs', 'state-differs', 'view-differs'], () => records.redis.coupons.pop()],
  ["a customer's view without a grab", ['view-differs'], () => Object.assign(records.redis.customerViews, { bob: [] })],
  ["a seller's view without a coupon", ['view-differs'], () => records.redis.sellerView.pop()],
  ['a dead letter', ['dead-letter'], () => records.redis.deadLetters.push('x')],
  ['an outbox that does not empty', ['not-drained'], () => Object.assign(records, { drained: false })],
  ['another coupon that was damaged', ['damaged'], () => records.damaged.push('ann/sky')],
];
for (const [what, found, breakIt] of broken) {
  test(`${what}: ${found.join(', ')}`, () => {
    breakIt();
    assert.equal(names(), found);
  });
}

test('a holder who asked again without a key may be told so, and who heard "unknown" before as well', () => {
  ask({ customer: 'bob', outcome: 'already-grabbed', ...refused });
  ask({ customer: 'Bob', key: 'another', outcome: 'already-grabbed', ...refused });
  assert.equal(names(), []);
});

test('a late event is explained by a later try', () => {
  ask({ customer: 'bob', key: 'k2', invokedAt: AT + 8_000 });
  Object.assign(bobEvent(), { occurredAt: (AT + 9_000) * 1_000 });
  assert.equal(names(), []);
});

test('a freeze excuses lateness by its length', () => {
  Object.assign(bobEvent(), { occurredAt: (AT + 7_000) * 1_000 });
  assert.equal(names({ delayMs: 4_500 }), []);
});

test('where Redis lost what nobody was told, a piece may be for sale again', () => {
  requests = requests.filter(({ customer, outcome }) => customer !== 'bob' || outcome === 'unknown');
  undo('bob');
  assert.equal(names({ redisLosesData: true }), []);
  assert.equal(names(), ['unsold']);
});

test('who heard "unknown" and has a row all the same is recovered, unless a 201 came later', () => {
  assert.is(countRecovered(requests, records), 0);
  requests = requests.filter(({ customer, outcome }) => customer !== 'bob' || outcome === 'unknown');
  assert.is(countRecovered(requests, records), 1);
  assert.equal(names(), []);
});

test.run();
