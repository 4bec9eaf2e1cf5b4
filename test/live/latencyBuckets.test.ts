import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { BUCKETS, bucketOf, percentileOf } from '../../src/live/latencyBuckets.ts';

const test = suite('latency buckets');

test('a percentile is never too low, and at most 10 % too high', () => {
  const latencies = fc.array(fc.double({ min: 0.2, max: 50_000, noNaN: true }), { minLength: 1, maxLength: 300 });
  fc.assert(
    fc.property(latencies, fc.constantFrom(0.5, 0.99), (values, share) => {
      const counts = [new Uint32Array(BUCKETS), new Uint32Array(BUCKETS)];
      for (const [index, value] of values.entries()) {
        const window = counts[index % 2];
        if (window !== undefined) window[bucketOf(value)] = (window[bucketOf(value)] ?? 0) + 1;
      }
      const exact = values.sort((a, b) => a - b)[Math.ceil(values.length * share) - 1] ?? 0;
      const reported = percentileOf(counts, share) ?? 0;
      // Percentiles are rounded to two decimals.
      assert.ok(reported >= exact - 0.01 && reported <= exact * 1.1 + 0.01, `${reported} for ${exact}`);
    }),
  );
});

test('without counts there is no percentile, and the last bucket takes all higher latencies', () => {
  assert.is(percentileOf([new Uint32Array(BUCKETS)], 0.5), undefined);
  assert.is(bucketOf(1e9), BUCKETS - 1);
  assert.is(bucketOf(0), 0);
});

test.run();
