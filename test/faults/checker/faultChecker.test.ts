import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { countRecovered } from './checkAnswers.ts';
import { checkSale, type Tolerance } from './checkSale.ts';
import type { Request } from './requestHistory.ts';
import type { SaleRecords } from './saleRecords.ts';

// The checker of the fault harness finds nothing in a tiny sale that went well, and finds each promise that was broken.

const test = suite("the fault harness's checker");

const AT = 1_700_000_000_000;
let requests: Request[];
let records: SaleRecords;

const send = (more: Partial<Request>) => {
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

// Given a coupon of two pieces: Bob and bob have won (bob got the 201 with a retry), eve was refused, and tom got no answer.
test.before.each(() => {
  requests = [];
  send({ op: 'create', amount: 2 });
  send({ customer: 'Bob', key: 'k1' });
  send({ customer: 'bob', key: 'k2', ...unknown });
  send({ customer: 'bob', key: 'k2' });
  send({ customer: 'Bob', outcome: 'already-grabbed', ...refused });
  send({ customer: 'eve', outcome: 'sold-out', ...refused });
  send({ customer: 'tom', ...unknown });
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

/** The names of the violations, each once. */
const names = (tolerance?: Tolerance) =>
  [...new Set(checkSale(requests, records, tolerance).map(({ name }) => name))].sort();

/** Removes one grab from every store. */
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

function last<T>(list: readonly T[]): T {
  const item = list.at(-1);
  if (item === undefined) throw new Error('the list is empty');
  return item;
}
const bobEvent = () => last(records.log);
const inRedis = () => last(records.redis.coupons);
const inTable = () => last(records.coupons);
const stop = () => last(records.stops);

test('a sale that went well has no violation', () => {
  assert.equal(names(), []);
});

const broken: [name: string, violations: string[], breakIt: () => void][] = [
  ['a 201 without a row', ['unsold', 'win-lost'], () => undo('bob')],
  [
    'a coupon whose creation was answered 201 and that is missing',
    ['creation-lost'],
    () => send({ op: 'create', coupon: 'sky' }),
  ],
  ['a row of a customer who sent no grab', ['unrequested-grab'], () => requests.splice(2, 2)],
  ['two wins of one customer with different keys', ['won-twice'], () => send({ customer: 'bob', key: 'k3' })],
  ['a 201 without a key after a 201', ['won-twice'], () => send({ customer: 'Bob' })],
  [
    'sold-out answered to a holder',
    ['holder-refused'],
    () => send({ customer: 'bob', outcome: 'sold-out', ...refused }),
  ],
  [
    'already-grabbed answered to a customer without a piece',
    ['untrue-already-grabbed'],
    () => send({ customer: 'tom', outcome: 'already-grabbed', ...refused }),
  ],
  [
    'already-grabbed answered to the retry of a win',
    ['winner-refused'],
    () => send({ customer: 'bob', key: 'k2', outcome: 'already-grabbed', ...refused }),
  ],
  [
    'no-such-coupon after the coupon was created',
    ['coupon-denied'],
    () => send({ customer: 'kim', outcome: 'no-such-coupon', ...refused }),
  ],
  [
    'a status that is not in the contract',
    ['unexpected-status'],
    () => send({ customer: 'tom', outcome: 'unknown', status: 500 }),
  ],
  [
    'an event long after its grab was sent',
    ['late'],
    () => Object.assign(bobEvent(), { occurredAt: (AT + 9_000) * 1_000 }),
  ],
  ['a stop that ends with an error', ['bad-exit'], () => Object.assign(stop(), { exit: 'SIGKILL' })],
  ['a stop that takes long', ['slow-stop'], () => Object.assign(stop(), { ms: 10_001 })],
  [
    'a request that a stop leaves unanswered',
    ['unanswered-at-stop'],
    () => send({ customer: 'tom', answeredAt: AT + 1_200, outcome: 'unknown', status: 0 }),
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
  ['a row with the wrong version', ['table-differs'], () => Object.assign(last(records.grabs), { version: 9 })],
  [
    'a holder in Redis who is missing in MySQL',
    ['oversold', 'redis-differs', 'view-differs'],
    () => Object.assign(inRedis().holders, { eve: 4 }),
  ],
  ['a wrong number of pieces left', ['state-differs'], () => Object.assign(inTable(), { left: 1 })],
  ['a coupon missing in Redis', ['redis-differs', 'state-differs', 'view-differs'], () => records.redis.coupons.pop()],
  ["a customer's view without a grab", ['view-differs'], () => Object.assign(records.redis.customerViews, { bob: [] })],
  ["a seller's view without a coupon", ['view-differs'], () => records.redis.sellerView.pop()],
  ['a dead letter', ['dead-letter'], () => records.redis.deadLetters.push('x')],
  ['an outbox that does not empty', ['not-drained'], () => Object.assign(records, { drained: false })],
  ['a damaged coupon of another seller', ['damaged'], () => records.damaged.push('ann/sky')],
];
for (const [name, violations, breakIt] of broken) {
  test(`${name}: ${violations.join(', ')}`, () => {
    breakIt();
    assert.equal(names(), violations);
  });
}

test('already-grabbed is a correct answer to a holder without the key of the win, and after an unknown outcome', () => {
  send({ customer: 'bob', outcome: 'already-grabbed', ...refused });
  send({ customer: 'Bob', key: 'another', outcome: 'already-grabbed', ...refused });
  assert.equal(names(), []);
});

test('an event is not late if a later retry explains it', () => {
  send({ customer: 'bob', key: 'k2', invokedAt: AT + 8_000 });
  Object.assign(bobEvent(), { occurredAt: (AT + 9_000) * 1_000 });
  assert.equal(names(), []);
});

test('a freeze makes an event late only after the length of the freeze', () => {
  Object.assign(bobEvent(), { occurredAt: (AT + 7_000) * 1_000 });
  assert.equal(names({ delayMs: 4_500 }), []);
});

test('a piece may be for sale again if Redis lost a win that was never answered', () => {
  requests = requests.filter(({ customer, outcome }) => customer !== 'bob' || outcome === 'unknown');
  undo('bob');
  assert.equal(names({ redisLosesData: true }), []);
  assert.equal(names(), ['unsold']);
});

test('an unknown outcome with a row counts as recovered, unless a retry got a 201', () => {
  assert.is(countRecovered(requests, records), 0);
  requests = requests.filter(({ customer, outcome }) => customer !== 'bob' || outcome === 'unknown');
  assert.is(countRecovered(requests, records), 1);
  assert.equal(names(), []);
});

test.run();
