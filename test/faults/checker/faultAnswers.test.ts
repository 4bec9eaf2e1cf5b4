import * as assert from 'uvu/assert';
import type { CouponEvent } from '../../../src/events.ts';
import { eachCreation } from '../records/requestHistory.ts';
import { type Broken, checkerSuite, last } from './checkerSuite.ts';
import { checkSale } from './checkSale.ts';
import { refused, terms, unknown } from './exampleSale.ts';

// The checker of the fault harness finds nothing in a tiny sale that went well, and finds each answer that was not kept or not true.

const { test, sale, names, testBroken } = checkerSuite("the fault harness's checker: answers");
const setTime = (version: number, atMs: number) => Object.assign(sale().event(version), { occurredAt: atMs * 1_000 });
const stop = () => last(sale().records.stops);

test('a sale that went well has no violation', () => {
  assert.equal(names(), []);
});

const brokenAnswers: Broken[] = [
  [
    'a status that is not in the contract',
    ['unexpected-status'],
    () => sale().send({ customer: 'tom', outcome: 'unknown', status: 500 }),
  ],
  ['a 201 without a code', ['no-code', 'win-lost'], () => sale().send({ customer: 'tom' })],
  ['a 201 without an event', ['win-lost'], () => sale().send({ customer: 'tom', wonCode: 'T1' })],
  ['a 201 with another code than the event', ['unrequested', 'win-lost'], () => setCodeOfAnswer('eve')],
  ['a 201 of a key with another code than the event', ['answer-differs'], () => setCodeOfAnswer('bob')],
  ['a 201 for an event of which another 201 told', ['win-lost'], () => sale().send({ customer: 'eve', wonCode: 'E1' })],
  ['a creation that is missing', ['creation-lost'], () => sale().send({ op: 'create', coupon: 'sky', amount: 1 })],
  ['a restock that is missing', ['change-lost'], () => sale().send({ op: 'restock', amount: 4, key: 'k9' })],
  ['a redemption that is missing', ['change-lost'], () => sale().send({ op: 'redeem', code: 'B2' })],
  ['an event without a request', ['unrequested'], () => sale().append('CouponPaused', { left: 1 })],
  ['a grab of a customer who sent none', ['unrequested'], () => removeRequests('eve')],
  [
    'an event whose request was refused',
    ['unrequested'],
    () => sale().happen({ op: 'pause', ...refused('paused') }, 'CouponPaused', { left: 1 }),
  ],
  ['an event long after its request was sent', ['late'], () => delayEvent()],
  ['a success that was answered before its event', ['change-lost', 'unrequested'], () => setTime(10, sale().atMs(15))],
  ['a stop that ends with an error', ['bad-exit'], () => Object.assign(stop(), { exit: 'SIGKILL' })],
  ['a stop that takes long', ['slow-stop'], () => Object.assign(stop(), { ms: 10_001 })],
  ['a request that a stop leaves unanswered', ['unanswered-at-stop'], () => stopWithoutAnswer()],
];

function stopWithoutAnswer(): void {
  const request = sale().send({ customer: 'tom', ...unknown, status: 0 });
  Object.assign(stop(), { at: request.invokedAt + 60 });
  Object.assign(request, { answeredAt: stop().at + 10 });
}
function setCodeOfAnswer(customer: string): void {
  for (const request of sale().requests)
    if (request.customer === customer && request.wonCode !== undefined) request.wonCode = 'XX';
}
/** The grab of bob, which was answered after it. */
function delayEvent(): void {
  setTime(3, sale().atMs(3) + 3_800);
  Object.assign(last(sale().requests.slice(0, 4)), { answeredAt: sale().atMs(3) + 4_000 });
}
function removeRequests(customer: string): void {
  sale().requests.splice(
    0,
    sale().requests.length,
    ...sale().requests.filter((request) => request.customer !== customer),
  );
}

testBroken(brokenAnswers, true);

test('of two unknown outcomes one may have an event', () => {
  sale().send({ op: 'restock', amount: 2, ...unknown });
  sale().happen({ op: 'restock', amount: 2, ...unknown }, 'CouponRestocked', { added: 2, amount: 5, left: 3 });
  sale().letStoresFollow();
  assert.equal(names(), []);
});

test('an event is not late if a later retry explains it', () => {
  setTime(3, sale().atMs(3) + 3_800);
  sale().send({ customer: 'bob', key: 'k2', wonCode: 'B2', invokedAt: sale().atMs(3) + 3_000 });
  sale().requests.splice(3, 1);
  sale().letStoresFollow();
  assert.equal(names(), []);
});

test('a freeze makes an event late only after the length of the freeze', () => {
  delayEvent();
  sale().letStoresFollow();
  assert.equal(names(), ['late']);
  assert.equal(names({ delayMs: 4_500 }), []);
});

test('a request that was delayed for longer than before the stop may be left unanswered', () => {
  stopWithoutAnswer();
  assert.equal(names(), ['unanswered-at-stop']);
  assert.equal(names({ delayMs: 100 }), []);
});

test('a version that Redis lost without an answer stands as a recount, and its piece is for sale again', () => {
  // Given a grab of kim without an answer, and a grab of tom after it.
  sale().happen({ op: 'restock', amount: 1 }, 'CouponRestocked', { added: 1, amount: 4, left: 2 });
  sale().send({ customer: 'kim', ...unknown });
  sale().append('PiecesRecounted', { left: 2 }, { occurredAt: sale().later(5) });
  sale().tomWins(0);
  sale().append('PiecesRecounted', { left: 1 }, { occurredAt: sale().later(5) });
  sale().letStoresFollow();
  assert.equal(names({ redisLosesData: true }), []);
  assert.equal(names(), ['recounted']);
});

test('a request with several creations makes all of them or none, and may be finished late', () => {
  const others = [{ op: 'create', coupon: 'sky', amount: 1 }] as const;
  const batch = sale().send({ op: 'create', coupon: 'sun', amount: 1, others, ...unknown });
  sale().requests.splice(0, sale().requests.length, ...eachCreation(sale().requests));
  assert.equal(names(), []);
  const coupon = { id: 'another', seller: 'ann', name: 'sun' };
  const occurredAt = (batch.invokedAt + 9_000) * 1_000;
  sale().records.log.push({
    ...sale().event(1),
    version: 1,
    coupon,
    occurredAt,
    data: { amount: 1, ...terms },
  } as CouponEvent);
  assert.ok(names().includes('batch-incomplete'));
  assert.not.ok(names().includes('late'));
});

test('an unknown outcome with an event counts as recovered, unless a retry got a 201', () => {
  const recovered = () => checkSale(sale().requests, sale().records).recovered;
  assert.is(recovered(), 0);
  sale().tomWins(0, unknown);
  assert.is(recovered(), 1);
  sale().requests.splice(3, 1);
  assert.is(recovered(), 2);
});

test.run();
