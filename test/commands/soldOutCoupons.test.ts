import { setImmediate as turn } from 'node:timers/promises';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { ReadHolders } from '../../src/commands/readHolders.ts';
import { newRefusal } from '../../src/commands/refusal.ts';
import { createSoldOutCoupons } from '../../src/commands/soldOutCoupons.ts';

// What a process knows of the holders of sold-out coupons, and when it reads them again.

const PATH = 'ann/sea';
const coupon = (name: string) => ({ seller: 'ann', name });
const pagesOf = async function* (...pages: string[][]) {
  yield* pages;
};

/** Given a coupon with these holders. `refuse` is a sold-out reply to a call that was sent just now. */
function given(holders: string[], { count = holders.length, maxBytes = 1_000_000 } = {}) {
  let reads = 0;
  let shuts = 0;
  let readHolders: ReadHolders = async () => ({ count, pages: pagesOf(holders) });
  const soldOut = createSoldOutCoupons(
    () => shuts,
    (of) => {
      reads++;
      return readHolders(of);
    },
    maxBytes,
  );
  const refuse = (supply = 1, { name = 'sea', since = performance.now() } = {}) =>
    soldOut.remember(coupon(name), newRefusal({ outcome: 'sold-out', supply }, since, 0, 0));
  return {
    soldOut,
    refuse,
    /** Given that the holders were read and the next refusal has confirmed them. */
    async known(supply = 1, name = 'sea') {
      for (let refusals = 0; refusals <= supply / 64; refusals++) refuse(supply, { name });
      await turn();
      refuse(supply, { name });
    },
    isRefused: (customer: string, path = PATH) => soldOut.refusalFor(path, customer) !== undefined,
    reads: () => reads,
    shut: () => void shuts++,
    readWith(read: ReadHolders) {
      readHolders = read;
    },
  };
}

const test = suite('sold-out coupons and their holders');

test('a stranger is refused and a holder is not', async () => {
  const { known, isRefused } = given(['bob', 'kim']);

  await known();

  assert.is(isRefused('eve'), true);
  assert.is(isRefused('bob'), false);
  assert.is(isRefused('kim'), false);
});

test('a stranger is refused only after a call that was sent when all holders had been read', async () => {
  const { refuse, isRefused, soldOut } = given(['bob']);
  refuse();
  const sentBefore = performance.now();
  await turn();
  assert.is(isRefused('eve'), false);

  refuse(1, { since: sentBefore });
  assert.is(isRefused('eve'), false);

  refuse();
  assert.is(isRefused('eve'), true);
  assert.is(soldOut.has(PATH), true);
});

test('while the second page of holders is read, no stranger is refused', async () => {
  const { refuse, isRefused, readWith } = given([]);
  let goOn = () => {};
  const second = new Promise<void>((resolve) => {
    goOn = resolve;
  });
  readWith(async () => ({
    count: 2,
    pages: (async function* () {
      yield ['bob'];
      await second;
      yield ['kim'];
    })(),
  }));

  refuse();
  await turn();
  refuse();
  assert.is(isRefused('eve'), false);

  goOn();
  await turn();
  refuse();
  assert.is(isRefused('eve'), true);
  assert.is(isRefused('kim'), false);
});

test('with another supply, the holders are read again before a stranger is refused', async () => {
  const { known, refuse, isRefused, readWith, reads } = given(['bob']);
  await known(1);
  readWith(async () => ({ count: 2, pages: pagesOf(['bob', 'eve']) }));

  refuse(2);
  assert.is(isRefused('eve'), false);
  await turn();
  refuse(2);

  assert.is(isRefused('eve'), false);
  assert.is(isRefused('tom'), true);
  assert.is(reads(), 2);
});

test('a reply that arrives late with an older supply changes nothing', async () => {
  const { known, refuse, isRefused, reads } = given(['bob']);
  await known(2);

  refuse(1);

  assert.is(isRefused('eve'), true);
  assert.is(reads(), 1);
});

test('while the supply stays the same, the holders are read once', async () => {
  const { known, refuse, reads } = given(['bob']);
  await known();

  for (let i = 0; i < 10_000; i++) refuse();

  assert.is(reads(), 1);
});

test('a million holders are read after 15,625 refusals, and again only after as many with another supply', async () => {
  const { refuse, reads } = given(['bob']);

  for (let i = 0; i < 15_624; i++) refuse(1_000_000);
  assert.is(reads(), 0);
  refuse(1_000_000);
  assert.is(reads(), 1);

  // A release after each 1,000 refusals.
  for (let i = 0; i < 100_000; i++) refuse(1_000_001 + Math.floor(i / 1_000));
  assert.is(reads(), 1);
});

test('after the gate was shut, the holders are read again', async () => {
  const { known, refuse, shut, isRefused, reads, readWith } = given(['bob']);
  await known();
  readWith(async () => ({ count: 1, pages: pagesOf(['eve']) }));

  shut();
  refuse();
  assert.is(isRefused('tom'), false);
  await turn();
  refuse();

  assert.is(isRefused('eve'), false);
  assert.is(isRefused('bob'), true);
  assert.is(reads(), 2);
});

test('when the gate is shut while the holders are read, they are read again', async () => {
  const { refuse, shut, isRefused, reads } = given(['bob']);

  refuse();
  shut();
  await turn();
  refuse();
  assert.is(isRefused('eve'), false);
  await turn();
  refuse();

  assert.is(isRefused('eve'), true);
  assert.is(reads(), 2);
});

test('when the holders cannot be read, no stranger is refused, and the next refusal tries again', async () => {
  const { refuse, isRefused, readWith, reads } = given(['bob']);
  readWith(() => Promise.reject(new Error('a test')));
  refuse();
  await turn();
  refuse();
  await turn();
  assert.is(reads(), 2);
  assert.is(isRefused('eve'), false);

  readWith(async () => ({ count: 1, pages: pagesOf(['bob']) }));
  refuse();
  await turn();
  refuse();

  assert.is(isRefused('eve'), true);
});

test('the memory of all filters is bounded: the coupon that was used last keeps its filter', async () => {
  // A filter for 1,000 names takes 2,000 bytes and its coupon 512.
  const { known, isRefused } = given(['bob'], { count: 1_000, maxBytes: 10_100 });
  for (const name of ['1', '2', '3', '4']) await known(1, name);
  assert.is(isRefused('eve', 'ann/1'), true);

  await known(1, '5');

  assert.equal(
    ['1', '2', '3', '4', '5'].map((name) => isRefused('eve', `ann/${name}`)),
    [true, false, true, true, true],
  );
});

test('a coupon with more holders than the memory can have is left to Redis, and its holders are not counted again', async () => {
  const { known, refuse, isRefused, reads } = given(['bob'], { count: 1_000_000, maxBytes: 1_000_000 });

  await known();
  for (let i = 0; i < 100; i++) refuse();

  assert.is(isRefused('eve'), false);
  assert.is(reads(), 1);
});

test('at most four coupons are read at the same time', async () => {
  const { refuse, reads, readWith } = given([]);
  readWith(() => new Promise(() => {}));

  for (let i = 0; i < 10; i++) refuse(1, { name: `coupon ${i}` });

  assert.is(reads(), 4);
});

test.run();
