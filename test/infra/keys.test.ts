import calculateSlot from 'cluster-key-slot';
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { USERNAME } from '../../src/coupon/names.ts';
import {
  couponPath,
  customerOfView,
  keyName,
  keys,
  PARTITIONS,
  partitionOf,
  piecePath,
  sellerOfView,
  splitCodeOwner,
  splitCouponPath,
  splitPiecePath,
} from '../../src/infra/keys.ts';

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

// By the contract, only local accounts have names with few characters; a subject of an identity provider may have any.
const subject = fc.string({ unit: 'binary', minLength: 1 }).filter((text) => text.isWellFormed());
const reserved = fc.string({ unit: fc.constantFrom(...'/:{}% %2Fa\n\0*'), minLength: 1 });
const anySubject = fc.oneof(subject, reserved);

test('the name of a local account, and of a simulated customer, is the same in a key', () => {
  fc.assert(
    fc.property(anySubject, (text) => {
      if (USERNAME.test(text)) assert.is(keyName(text), text);
    }),
  );
  for (const account of ['bob', 'b\u00f3b', 'bo\u0301b', '\u7528\u6237_1', '-a.b@c', '~rehearsal-1f-7'])
    assert.is(keyName(account), account);
});

test('a name in a key has no character that separates parts, and two names are never the same there', () => {
  fc.assert(
    fc.property(anySubject, anySubject, (one, other) => {
      assert.not.match(keyName(one), /[/:{}* \n]/);
      assert.is(keyName(one) === keyName(other), one === other);
    }),
    { numRuns: 2_000 },
  );
});

test('every name can be read back from the keys and texts that have it', () => {
  fc.assert(
    fc.property(anySubject, name, anySubject, (seller, coupon, customer) => {
      const of = { seller, name: coupon };
      assert.equal(splitCouponPath(couponPath(of)), of);
      assert.equal(splitPiecePath(piecePath(of, 'CODE')), { ...of, code: 'CODE' });
      assert.equal(splitCodeOwner(`${couponPath(of)}/${customer}`), { ...of, customer });
      assert.is(sellerOfView(keys.sellerView(seller)), seller);
      assert.is(customerOfView(keys.customerView(customer)), customer);
    }),
  );
});

test.run();
