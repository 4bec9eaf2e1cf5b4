import calculateSlot from 'cluster-key-slot';
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { couponPath, keys, PARTITIONS, partitionOf, splitCouponPath } from '../../src/infra/keys.ts';

const test = suite('the Redis keys');
// By the contract, a name has no slash.
const name = fc.string({ unit: 'grapheme', minLength: 1 }).map((text) => text.replaceAll('/', '_'));

test('all keys of one decision are in one slot of a Redis Cluster', () => {
  fc.assert(
    fc.property(name, name, (seller, coupon) => {
      const partition = partitionOf({ seller, name: coupon });
      const touched = [
        keys.fence(partition),
        ...[
          keys.coupon,
          keys.holders,
          keys.answers,
          keys.requests,
          keys.reservation,
          keys.redemptions,
          keys.unloggedChanges,
          keys.unloggedPieces,
        ].map((key) => key({ seller, name: coupon })),
        ...(['holders', 'redemptions', 'requests'] as const).map((kind) =>
          keys.built(kind, { seller, name: coupon }, 'x'),
        ),
        keys.codes(partition),
        keys.outbox(partition),
        keys.deadLetters(partition),
      ];
      assert.is(new Set(touched.map((key) => calculateSlot(key))).size, 1);
    }),
  );
});

test('coupons are spread over all partitions, and over no others', () => {
  const found = new Set(Array.from({ length: 1_000 }, (_, i) => partitionOf({ seller: 'ann', name: `coupon ${i}` })));

  assert.is(found.size, PARTITIONS);
  assert.ok([...found].every((partition) => partition >= 0 && partition < PARTITIONS));
});

test('the partition of a coupon is the same in every version, because stored data depends on it', () => {
  assert.equal(
    [
      partitionOf({ seller: 'ann', name: 'spring' }),
      partitionOf({ seller: 'bób', name: '优惠 券%3' }),
      partitionOf({ seller: 'a', name: '{b}' }),
    ],
    [15, 14, 4],
  );
});

test('a coupon path is split into the seller and the name that it was made of', () => {
  fc.assert(
    fc.property(name, name, (seller, coupon) => {
      assert.equal(splitCouponPath(couponPath({ seller, name: coupon })), { seller, name: coupon });
    }),
  );
});

test.run();
