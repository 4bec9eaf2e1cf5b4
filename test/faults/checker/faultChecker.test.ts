import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { CouponEvent } from '../../../src/events.ts';
import { checkSale, type Tolerance } from './checkSale.ts';
import { type ExampleSale, exampleSale, refused, terms, unknown } from './exampleSale.ts';
import { eachCreation } from './requestHistory.ts';

// The checker of the fault harness finds nothing in a tiny sale that went well, and finds each promise that was broken.

const test = suite("the fault harness's checker");

let sale: ExampleSale;

/** The names of the violations, each once. */
const names = (tolerance?: Tolerance) =>
  [...new Set(checkSale(sale.requests, sale.records, tolerance).violations.map(({ name }) => name))].sort();

function last<T>(list: readonly T[]): T {
  const item = list.at(-1);
  if (item === undefined) throw new Error('the list is empty');
  return item;
}
const event = (version: number) => last(sale.records.log.slice(0, version));
const setTime = (version: number, atMs: number) => Object.assign(event(version), { occurredAt: atMs * 1_000 });
const inRedis = () => last(sale.records.redis.coupons);
const inTable = () => last(sale.records.coupons);
/** The row of eve. */
const row = () => last(sale.records.grabs);
const stop = () => last(sale.records.stops);
/** A grab of tom that wins, after other events. */
const tomWins = (left = 0, request = {}) =>
  sale.happen({ customer: 'tom', wonCode: 'T1', ...request }, 'CouponGrabbed', { customer: 'tom', left, code: 'T1' });
/** Events that the log should not have, each with a request that asked for it. */
const happen = (request: Parameters<ExampleSale['happen']>[0], type: CouponEvent['type'], data: object) => () =>
  sale.happen(request, type, data);
const ofBob = { customer: 'bob', grab: 3, left: 1, code: 'B2' };
const ofOldBob = { customer: 'Bob', grab: 2, left: 1, code: 'B1' };
const changeTerms = (change: object) =>
  sale.happen({ op: 'change', terms: {} }, 'TermsChanged', { ...terms, left: 1, ...change });
/** Microseconds of the request that is sent `steps` requests later. */
const later = (steps: number) => sale.atMs(sale.requests.length + steps) * 1_000;

test.before.each(() => {
  sale = exampleSale();
  sale.letStoresFollow();
});

test('a sale that went well has no violation', () => {
  assert.equal(names(), []);
});

test('the stores of the sale that went well are as the checker expects them', () => {
  const { coupons, grabs, redis } = sale.records;
  const times = sale.records.log.map(({ occurredAt }) => occurredAt);
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

type Broken = [name: string, violations: string[], breakIt: () => void];

const brokenAnswers: Broken[] = [
  [
    'a status that is not in the contract',
    ['unexpected-status'],
    () => sale.send({ customer: 'tom', outcome: 'unknown', status: 500 }),
  ],
  ['a 201 without a code', ['no-code', 'win-lost'], () => sale.send({ customer: 'tom' })],
  ['a 201 without an event', ['win-lost'], () => sale.send({ customer: 'tom', wonCode: 'T1' })],
  ['a 201 with another code than the event', ['unrequested', 'win-lost'], () => setCodeOfAnswer('eve')],
  ['a 201 of a key with another code than the event', ['answer-differs'], () => setCodeOfAnswer('bob')],
  ['a 201 for an event of which another 201 told', ['win-lost'], () => sale.send({ customer: 'eve', wonCode: 'E1' })],
  ['a creation that is missing', ['creation-lost'], () => sale.send({ op: 'create', coupon: 'sky', amount: 1 })],
  ['a restock that is missing', ['change-lost'], () => sale.send({ op: 'restock', amount: 4, key: 'k9' })],
  ['a redemption that is missing', ['change-lost'], () => sale.send({ op: 'redeem', code: 'B2' })],
  ['an event without a request', ['unrequested'], () => sale.append('CouponPaused', { left: 1 })],
  ['a grab of a customer who sent none', ['unrequested'], () => removeRequests('eve')],
  [
    'an event whose request was refused',
    ['unrequested'],
    happen({ op: 'pause', ...refused('paused') }, 'CouponPaused', { left: 1 }),
  ],
  ['an event long after its request was sent', ['late'], () => delayEvent()],
  ['a success that was answered before its event', ['change-lost', 'unrequested'], () => setTime(10, sale.atMs(15))],
  ['a stop that ends with an error', ['bad-exit'], () => Object.assign(stop(), { exit: 'SIGKILL' })],
  ['a stop that takes long', ['slow-stop'], () => Object.assign(stop(), { ms: 10_001 })],
  [
    'a request that a stop leaves unanswered',
    ['unanswered-at-stop'],
    () =>
      Object.assign(stop(), { at: sale.send({ customer: 'tom', ...unknown, status: 0 }).invokedAt + 60 }) &&
      Object.assign(last(sale.requests), { answeredAt: stop().at + 10 }),
  ],
];

const brokenRefusals: Broken[] = [
  ['sold-out while a piece is left', ['untrue-sold-out'], () => sale.send({ customer: 'kim', ...refused('sold-out') })],
  [
    'already-grabbed without a piece',
    ['untrue-already-grabbed'],
    () => sale.send({ customer: 'kim', ...refused('already-grabbed') }),
  ],
  [
    'already-grabbed long after the piece was given back',
    ['untrue-already-grabbed'],
    () => sale.send({ customer: 'Bob', ...refused('already-grabbed') }),
  ],
  [
    'paused long after the sale was resumed',
    ['untrue-paused'],
    () => sale.send({ customer: 'kim', ...refused('paused') }),
  ],
  ['closed while the sale is open', ['untrue-closed'], () => sale.send({ customer: 'kim', ...refused('closed') })],
  [
    'no-such-coupon after the creation',
    ['untrue-no-such-coupon'],
    () => sale.send({ customer: 'kim', ...refused('no-such-coupon') }),
  ],
  [
    'not-started after the start',
    ['untrue-not-started'],
    () => {
      changeTerms({ startsAt: later(0) });
      sale.send({ customer: 'kim', ...refused('not-started') });
      sale.send({ customer: 'kim', ...refused('not-started') });
    },
  ],
  [
    'ended before the end',
    ['untrue-ended'],
    () => {
      changeTerms({ endsAt: later(2) });
      sale.send({ customer: 'kim', ...refused('ended') });
      sale.send({ customer: 'kim', ...refused('ended') });
    },
  ],
  [
    'not-held to a holder',
    ['untrue-not-held'],
    () => sale.send({ op: 'release', customer: 'bob', ...refused('not-held') }),
  ],
  [
    'redeemed for a code that is good',
    ['untrue-redeemed'],
    () => sale.send({ op: 'redeem', code: 'B2', ...refused('redeemed') }),
  ],
  [
    'no-such-code for a code that is good',
    ['untrue-no-such-code'],
    () => sale.send({ op: 'undo', code: 'B2', ...refused('no-such-code') }),
  ],
  [
    'not-paused during a pause',
    ['untrue-not-paused'],
    () => {
      sale.happen({ op: 'pause' }, 'CouponPaused', { left: 1 });
      sale.send({ op: 'resume', ...refused('not-paused') });
    },
  ],
  [
    'a refusal of the retry of a win',
    ['winner-refused'],
    () => sale.send({ customer: 'bob', key: 'k2', ...refused('already-grabbed') }),
  ],
  [
    'a success of a key that was refused before',
    ['refusal-forgotten'],
    () => {
      sale.send({ op: 'resume', key: 'k9', ...refused('not-paused') });
      sale.happen({ op: 'pause' }, 'CouponPaused', { left: 1 });
      sale.happen({ op: 'resume', key: 'k9' }, 'CouponResumed', { left: 1 });
    },
  ],
];

const brokenLogs: Broken[] = [
  ['a gap', ['gap'], () => Object.assign(event(10), { version: 11 })],
  ['a version twice', ['duplicate', 'gap'], () => Object.assign(event(10), { version: 9 })],
  [
    'a grab without a piece left',
    ['oversold'],
    () => {
      tomWins();
      sale.happen({ customer: 'kim', wonCode: 'K1' }, 'CouponGrabbed', { customer: 'kim', left: -1, code: 'K1' });
    },
  ],
  [
    'a second piece for a limit of one',
    ['over-limit'],
    happen({ customer: 'bob', wonCode: 'B3' }, 'CouponGrabbed', { customer: 'bob', left: 0, code: 'B3' }),
  ],
  [
    'a code twice',
    ['code-twice', 'redis-differs'],
    happen({ customer: 'tom', wonCode: 'B1' }, 'CouponGrabbed', { customer: 'tom', left: 0, code: 'B1' }),
  ],
  [
    'a grab during a pause',
    ['sold-outside'],
    () => {
      sale.happen({ op: 'pause' }, 'CouponPaused', { left: 1 });
      tomWins();
    },
  ],
  [
    'a grab after the sale was closed',
    ['sold-outside'],
    () => {
      sale.happen({ op: 'close' }, 'CouponClosed', { left: 1 });
      tomWins();
    },
  ],
  [
    'a grab before the start',
    ['sold-outside'],
    () => {
      changeTerms({ startsAt: later(1) + 2_001 });
      tomWins();
    },
  ],
  [
    'a grab at the end',
    ['sold-outside'],
    () => {
      changeTerms({ endsAt: later(1) + 2_000 });
      tomWins();
    },
  ],
  [
    'a restock after the sale was closed',
    ['forbidden'],
    () => {
      sale.happen({ op: 'close' }, 'CouponClosed', { left: 1 });
      sale.happen({ op: 'restock', amount: 1 }, 'CouponRestocked', { added: 1, amount: 4, left: 2 });
    },
  ],
  [
    'a key with two restocks',
    ['key-twice'],
    happen({ op: 'restock', amount: 1, key: 'k4' }, 'CouponRestocked', { added: 1, amount: 4, left: 2 }),
  ],
  [
    'a piece that was given back twice',
    ['released-twice'],
    happen({ op: 'release', customer: 'Bob' }, 'GrabReleased', { ...ofOldBob, left: 2 }),
  ],
  [
    'a dead code that was redeemed',
    ['dead-code-redeemed'],
    happen({ op: 'redeem', code: 'B1' }, 'CouponRedeemed', ofOldBob),
  ],
  [
    'a dead code whose redemption was undone',
    ['dead-code-undone'],
    happen({ op: 'undo', code: 'B1' }, 'RedemptionUndone', ofOldBob),
  ],
  ['an undo without a redemption', ['undone-twice'], happen({ op: 'undo', code: 'B2' }, 'RedemptionUndone', ofBob)],
  [
    'a code that was redeemed twice',
    ['redeemed-twice'],
    () => {
      sale.happen({ op: 'redeem', code: 'B2' }, 'CouponRedeemed', ofBob);
      sale.happen({ op: 'redeem', code: 'B2' }, 'CouponRedeemed', ofBob);
    },
  ],
  [
    'a redeemed piece that was given back',
    ['redeemed-released'],
    () => {
      sale.happen({ op: 'redeem', code: 'B2' }, 'CouponRedeemed', ofBob);
      sale.happen({ op: 'release', customer: 'bob' }, 'GrabReleased', { ...ofBob, left: 2 });
    },
  ],
  [
    'a redemption after the codes have ended',
    ['outside-validity'],
    () => {
      changeTerms({ validUntil: later(0) });
      sale.happen({ op: 'redeem', code: 'B2' }, 'CouponRedeemed', ofBob);
    },
  ],
  ['an event with a wrong number of pieces left', ['wrong-event'], () => tomWins(1)],
  ['a recount without a loss of data', ['recounted'], () => sale.append('PiecesRecounted', { left: 1 })],
];

const brokenStores: Broken[] = [
  ['a row with another code', ['table-differs'], () => Object.assign(row(), { code: 'E2' })],
  ['a row of a piece that is not given back', ['table-differs'], () => Object.assign(row(), { releasedAt: 5 })],
  ['a row of a redemption that did not happen', ['table-differs'], () => Object.assign(row(), { redeemedAt: 5 })],
  ['a row twice', ['table-differs'], () => sale.records.grabs.push(row())],
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
  ['a dead code that Redis has forgotten', ['redis-differs'], () => delete sale.records.redis.codes.B1],
  ['an event that Redis still carries', ['unconfirmed'], () => Object.assign(inRedis(), { unlogged: 1 })],
  [
    'a coupon missing in Redis',
    ['redis-differs', 'state-differs', 'view-differs'],
    () => sale.records.redis.coupons.pop(),
  ],
  [
    "a customer's view without a piece",
    ['view-differs'],
    () => Object.assign(sale.records.redis.customerViews, { bob: [] }),
  ],
  [
    "a customer's view with a piece that was given back",
    ['view-differs'],
    () => Object.assign(sale.records.redis.customerViews, { Bob: ['ann/sea/B1'] }),
  ],
  ["a seller's view without a coupon", ['view-differs'], () => sale.records.redis.sellerView.pop()],
  ['a dead letter', ['dead-letter'], () => sale.records.redis.deadLetters.push('x')],
  ['an outbox that does not empty', ['not-drained'], () => Object.assign(sale.records, { drained: false })],
  ['a mismatch that verify finds', ['verify'], () => sale.records.mismatches.push('ann/sky: version 2 is missing')],
];

function setCodeOfAnswer(customer: string): void {
  for (const request of sale.requests)
    if (request.customer === customer && request.wonCode !== undefined) request.wonCode = 'XX';
}
/** The grab of bob, which was answered after it. */
function delayEvent(): void {
  setTime(3, sale.atMs(3) + 3_800);
  Object.assign(last(sale.requests.slice(0, 4)), { answeredAt: sale.atMs(3) + 4_000 });
}
function removeRequests(customer: string): void {
  sale.requests.splice(0, sale.requests.length, ...sale.requests.filter((request) => request.customer !== customer));
}

for (const [place, list] of [brokenAnswers, brokenRefusals, brokenLogs, brokenStores].entries())
  for (const [name, violations, breakIt] of list)
    test(`${name}: ${violations.join(', ')}`, () => {
      breakIt();
      // The last table breaks the stores; everywhere else the stores follow from the log.
      if (place < 3) sale.letStoresFollow();
      assert.equal(names(), violations);
    });

test('a process may repeat a refusal without a key for a second', () => {
  const request = sale.send({ customer: 'kim', ...refused('paused') });
  Object.assign(request, { invokedAt: sale.atMs(14) + 900 });
  assert.equal(names(), []);
  Object.assign(request, { key: 'k9' });
  assert.equal(names(), ['untrue-paused']);
});

test('a key gets the same refusal for ever, except one that passes by itself', () => {
  sale.send({ op: 'resume', key: 'k9', ...refused('not-paused') });
  sale.happen({ op: 'pause' }, 'CouponPaused', { left: 1 });
  sale.send({ op: 'resume', key: 'k9', ...refused('not-paused') });
  sale.send({ customer: 'tom', key: 'k8', ...refused('paused') });
  sale.happen({ op: 'resume' }, 'CouponResumed', { left: 1 });
  tomWins(0, { key: 'k8' });
  sale.letStoresFollow();
  assert.equal(names(), []);
});

test('of two unknown outcomes one may have an event', () => {
  sale.send({ op: 'restock', amount: 2, ...unknown });
  sale.happen({ op: 'restock', amount: 2, ...unknown }, 'CouponRestocked', { added: 2, amount: 5, left: 3 });
  sale.letStoresFollow();
  assert.equal(names(), []);
});

test('an event is not late if a later retry explains it', () => {
  setTime(3, sale.atMs(3) + 3_800);
  sale.send({ customer: 'bob', key: 'k2', wonCode: 'B2', invokedAt: sale.atMs(3) + 3_000 });
  sale.requests.splice(3, 1);
  sale.letStoresFollow();
  assert.equal(names(), []);
});

test('a freeze makes an event late only after the length of the freeze', () => {
  delayEvent();
  sale.letStoresFollow();
  assert.equal(names(), ['late']);
  assert.equal(names({ delayMs: 4_500 }), []);
});

test('a version that Redis lost without an answer stands as a recount, and its piece is for sale again', () => {
  // Given a grab of kim without an answer, and a grab of tom after it.
  sale.happen({ op: 'restock', amount: 1 }, 'CouponRestocked', { added: 1, amount: 4, left: 2 });
  sale.send({ customer: 'kim', ...unknown });
  sale.append('PiecesRecounted', { left: 2 }, { occurredAt: later(5) });
  tomWins(0);
  sale.append('PiecesRecounted', { left: 1 }, { occurredAt: later(5) });
  sale.letStoresFollow();
  assert.equal(names({ redisLosesData: true }), []);
  assert.equal(names(), ['recounted']);
});

test('a refusal may be true because of a decision that Redis lost', () => {
  sale.send({ customer: 'kim', ...unknown });
  sale.send({ customer: 'kim', ...refused('already-grabbed') });
  sale.send({ customer: 'leo', ...refused('sold-out') });
  sale.send({ op: 'pause', ...unknown });
  sale.send({ customer: 'leo', ...refused('paused') });
  assert.equal(names({ redisLosesData: true }), []);
  assert.equal(names(), ['untrue-already-grabbed', 'untrue-paused', 'untrue-sold-out']);
});

test('a request with several creations makes all of them or none, and may be finished late', () => {
  const others = [{ op: 'create', coupon: 'sky', amount: 1 }] as const;
  const batch = sale.send({ op: 'create', coupon: 'sun', amount: 1, others, ...unknown });
  sale.requests.splice(0, sale.requests.length, ...eachCreation(sale.requests));
  assert.equal(names(), []);
  const coupon = { id: 'another', seller: 'ann', name: 'sun' };
  const occurredAt = (batch.invokedAt + 9_000) * 1_000;
  sale.records.log.push({ ...event(1), version: 1, coupon, occurredAt, data: { amount: 1, ...terms } } as CouponEvent);
  assert.ok(names().includes('batch-incomplete'));
  assert.not.ok(names().includes('late'));
});

test('an unknown outcome with an event counts as recovered, unless a retry got a 201', () => {
  const recovered = () => checkSale(sale.requests, sale.records).recovered;
  assert.is(recovered(), 0);
  tomWins(0, unknown);
  assert.is(recovered(), 1);
  sale.requests.splice(3, 1);
  assert.is(recovered(), 2);
});

test.run();
