import * as assert from 'uvu/assert';
import { type Broken, checkerSuite } from './checkerSuite.ts';
import { refused, unknown } from './exampleSale.ts';

// The checker of the fault harness finds every refusal that was not true at any moment of its request.

const { test, sale, names, testBroken } = checkerSuite("the fault harness's checker: refusals");

const brokenRefusals: Broken[] = [
  [
    'sold-out while a piece is left',
    ['untrue-sold-out'],
    () => sale().send({ customer: 'kim', ...refused('sold-out') }),
  ],
  [
    'already-grabbed without a piece',
    ['untrue-already-grabbed'],
    () => sale().send({ customer: 'kim', ...refused('already-grabbed') }),
  ],
  [
    'already-grabbed long after the piece was given back',
    ['untrue-already-grabbed'],
    () => sale().send({ customer: 'Bob', ...refused('already-grabbed') }),
  ],
  [
    'paused long after the sale was resumed',
    ['untrue-paused'],
    () => sale().send({ customer: 'kim', ...refused('paused') }),
  ],
  ['closed while the sale is open', ['untrue-closed'], () => sale().send({ customer: 'kim', ...refused('closed') })],
  [
    'no-such-coupon after the creation',
    ['untrue-no-such-coupon'],
    () => sale().send({ customer: 'kim', ...refused('no-such-coupon') }),
  ],
  [
    'not-started after the start',
    ['untrue-not-started'],
    () => {
      sale().changeTerms({ startsAt: sale().later(0) });
      sale().send({ customer: 'kim', ...refused('not-started') });
      sale().send({ customer: 'kim', ...refused('not-started') });
    },
  ],
  [
    'ended before the end',
    ['untrue-ended'],
    () => {
      sale().changeTerms({ endsAt: sale().later(2) });
      sale().send({ customer: 'kim', ...refused('ended') });
      sale().send({ customer: 'kim', ...refused('ended') });
    },
  ],
  [
    'not-held to a holder',
    ['untrue-not-held'],
    () => sale().send({ op: 'release', customer: 'bob', ...refused('not-held') }),
  ],
  [
    'redeemed for a code that is good',
    ['untrue-redeemed'],
    () => sale().send({ op: 'redeem', code: 'B2', ...refused('redeemed') }),
  ],
  [
    'no-such-code for a code that is good',
    ['untrue-no-such-code'],
    () => sale().send({ op: 'undo', code: 'B2', ...refused('no-such-code') }),
  ],
  [
    'not-paused during a pause',
    ['untrue-not-paused'],
    () => {
      sale().happen({ op: 'pause' }, 'CouponPaused', { left: 1 });
      sale().send({ op: 'resume', ...refused('not-paused') });
    },
  ],
  [
    'a refusal of the retry of a win',
    ['winner-refused'],
    () => sale().send({ customer: 'bob', key: 'k2', ...refused('already-grabbed') }),
  ],
  [
    'a success of a key that was refused before',
    ['refusal-forgotten'],
    () => {
      sale().send({ op: 'resume', key: 'k9', ...refused('not-paused') });
      sale().happen({ op: 'pause' }, 'CouponPaused', { left: 1 });
      sale().happen({ op: 'resume', key: 'k9' }, 'CouponResumed', { left: 1 });
    },
  ],
];

testBroken(brokenRefusals, true);

test('a process may repeat a refusal without a key for a second', () => {
  const request = sale().send({ customer: 'kim', ...refused('paused') });
  Object.assign(request, { invokedAt: sale().atMs(14) + 900 });
  assert.equal(names(), []);
  Object.assign(request, { key: 'k9' });
  assert.equal(names(), ['untrue-paused']);
});

test('a key gets the same refusal for ever, except one that passes by itself', () => {
  sale().send({ op: 'resume', key: 'k9', ...refused('not-paused') });
  sale().happen({ op: 'pause' }, 'CouponPaused', { left: 1 });
  sale().send({ op: 'resume', key: 'k9', ...refused('not-paused') });
  sale().send({ customer: 'tom', key: 'k8', ...refused('paused') });
  sale().happen({ op: 'resume' }, 'CouponResumed', { left: 1 });
  sale().tomWins(0, { key: 'k8' });
  sale().letStoresFollow();
  assert.equal(names(), []);
});

test('a refusal may be true because of a decision that Redis lost', () => {
  sale().send({ customer: 'kim', ...unknown });
  sale().send({ customer: 'kim', ...refused('already-grabbed') });
  sale().send({ customer: 'leo', ...refused('sold-out') });
  sale().send({ op: 'pause', ...unknown });
  sale().send({ customer: 'leo', ...refused('paused') });
  assert.equal(names({ redisLosesData: true }), []);
  assert.equal(names(), ['untrue-already-grabbed', 'untrue-paused', 'untrue-sold-out']);
});

test('a refusal may be true because of a decision that Redis lost, although a retry was decided later', () => {
  sale().send({ op: 'redeem', code: 'B2', key: 'k9', ...unknown });
  sale().send({ op: 'redeem', code: 'B2', ...refused('redeemed') });
  sale().happen({ op: 'redeem', code: 'B2', key: 'k9' }, 'CouponRedeemed', {
    customer: 'bob',
    grab: 3,
    left: 1,
    code: 'B2',
  });
  sale().letStoresFollow();
  assert.equal(names({ redisLosesData: true }), []);
  assert.equal(names(), ['untrue-redeemed']);
});

test.run();
