import type { CouponEvent } from '../../../src/events.ts';
import { type Broken, checkerSuite } from './checkerSuite.ts';
import type { ExampleSale } from './exampleSale.ts';

// The checker of the fault harness finds every event in a log that the rules do not allow.

const { test, sale, testBroken } = checkerSuite("the fault harness's checker: logs");
/** An event that the log should not have, with a request that asked for it. */
const happen = (request: Parameters<ExampleSale['happen']>[0], type: CouponEvent['type'], data: object) => () =>
  sale().happen(request, type, data);
const ofBob = { customer: 'bob', grab: 3, left: 1, code: 'B2' };
const ofOldBob = { customer: 'Bob', grab: 2, left: 1, code: 'B1' };

const brokenLogs: Broken[] = [
  ['a gap', ['gap'], () => Object.assign(sale().event(10), { version: 11 })],
  ['a version twice', ['duplicate', 'gap'], () => Object.assign(sale().event(10), { version: 9 })],
  [
    'a grab without a piece left',
    ['oversold'],
    () => {
      sale().tomWins();
      sale().happen({ customer: 'kim', wonCode: 'K1' }, 'CouponGrabbed', { customer: 'kim', left: -1, code: 'K1' });
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
      sale().happen({ op: 'pause' }, 'CouponPaused', { left: 1 });
      sale().tomWins();
    },
  ],
  [
    'a grab after the sale was closed',
    ['sold-outside'],
    () => {
      sale().happen({ op: 'close' }, 'CouponClosed', { left: 1 });
      sale().tomWins();
    },
  ],
  [
    'a grab before the start',
    ['sold-outside'],
    () => {
      sale().changeTerms({ startsAt: sale().later(1) + 2_001 });
      sale().tomWins();
    },
  ],
  [
    'a grab at the end',
    ['sold-outside'],
    () => {
      sale().changeTerms({ endsAt: sale().later(1) + 2_000 });
      sale().tomWins();
    },
  ],
  [
    'a restock after the sale was closed',
    ['forbidden'],
    () => {
      sale().happen({ op: 'close' }, 'CouponClosed', { left: 1 });
      sale().happen({ op: 'restock', amount: 1 }, 'CouponRestocked', { added: 1, amount: 4, left: 2 });
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
      sale().happen({ op: 'redeem', code: 'B2' }, 'CouponRedeemed', ofBob);
      sale().happen({ op: 'redeem', code: 'B2' }, 'CouponRedeemed', ofBob);
    },
  ],
  [
    'a redeemed piece that was given back',
    ['redeemed-released'],
    () => {
      sale().happen({ op: 'redeem', code: 'B2' }, 'CouponRedeemed', ofBob);
      sale().happen({ op: 'release', customer: 'bob' }, 'GrabReleased', { ...ofBob, left: 2 });
    },
  ],
  [
    'a redemption after the codes have ended',
    ['outside-validity'],
    () => {
      sale().changeTerms({ validUntil: sale().later(0) });
      sale().happen({ op: 'redeem', code: 'B2' }, 'CouponRedeemed', ofBob);
    },
  ],
  ['an event with a wrong number of pieces left', ['wrong-event'], () => sale().tomWins(1)],
  ['a recount without a loss of data', ['recounted'], () => sale().append('PiecesRecounted', { left: 1 })],
];

testBroken(brokenLogs, true);

test.run();
