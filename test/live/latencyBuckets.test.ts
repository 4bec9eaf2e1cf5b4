import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { BUCKETS, bucketOf, percentileOf } from '../../src/live/latencyBuckets.ts';

const test = suite('latency in buckets');

test('a percentile is never too low, and at most a tenth too high', () => {
  const some = fc.array(fc.double({ min: 0.2, max: 50_000, noNaN: true }), { minLength: 1, maxLength: 300 });
  fc.assert(
    fc.property(some, fc.constantFrom(0.5, 0.99), (values, share) => {
      const counts = [new Uint32Array(BUCKETS), new Uint32Array(BUCKETS)];
      for (const [place, value] of values.entries()) {
        const one = counts[place % 2];
        if (one !== undefined) one[bucketOf(value)] = (one[bucketOf(value)] ?? 0) + 1;
      }
      const exact = values.sort((a, b) => a - b)[Math.ceil(values.length * share) - 1] ?? 0;
      const told = percentileOf(counts, share) ?? 0;
      // Told with two digits behind the point.
      assert.ok(told >= exact - 0.01 && told <= exact * 1.1 + 0.01, `${told} for ${exact}`);
    }),
  );
});

test('of none there is none, and what takes for ever is in the last', () => {
  assert.is(percentileOf([new Uint32Array(BUCKETS)], 0.5), undefined);
  assert.is(bucketOf(1e9), BUCKETS - 1);
  assert.is(bucketOf(0), 0);
});

test.run();
