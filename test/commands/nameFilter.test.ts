import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createNameFilter, filterBytes } from '../../src/commands/nameFilter.ts';

const test = suite('the filter of names');
const numbered = (prefix: string, count: number) => Array.from({ length: count }, (_, i) => `${prefix}${i}`);
const falsePositives = (filter: ReturnType<typeof createNameFilter>, others: readonly string[]) =>
  others.filter((name) => filter.mayHave(name)).length;

/** Given a filter with these names. */
function given(names: readonly string[], seed?: number, expected = names.length) {
  const filter = createNameFilter(expected, seed);
  for (const name of names) filter.add(name);
  return filter;
}

test('a filter has every name that was added, even when more names are added than it was made for', () => {
  const names = fc.array(fc.string({ unit: 'binary', maxLength: 64 }), { maxLength: 300 });
  fc.assert(
    fc.property(names, fc.nat({ max: 2 ** 32 - 1 }), fc.nat({ max: 300 }), (added, seed, expected) => {
      const filter = given(added, seed, expected);
      for (const name of added) assert.ok(filter.mayHave(name), name);
    }),
    { numRuns: 500 },
  );
});

test('an empty filter has no name', () => {
  assert.is(falsePositives(given([]), numbered('customer-', 1_000)), 0);
});

// The probability of a false positive is 0.00094.
const likely: [kind: string, nameOf: (i: number) => string][] = [
  ['numbers', String],
  ['numbers after a common beginning', (i) => `customer-${i}`],
  ['numbers before a common end', (i) => `${i}@example.com`],
  ['one character of many scripts', (i) => String.fromCodePoint(0x4e00 + (i % 20_000), 0x61 + Math.floor(i / 20_000))],
  ['the same character, ever more often', (i) => 'a'.repeat(1 + (i % 500)) + Math.floor(i / 500)],
  ['two letters in every order', (i) => i.toString(2).replaceAll('0', 'a').replaceAll('1', 'b')],
];
for (const [kind, nameOf] of likely) {
  test(`of names that are ${kind}, under 0.5 % are false positives`, () => {
    const filter = given(Array.from({ length: 10_000 }, (_, i) => nameOf(2 * i)));

    const strangers = Array.from({ length: 10_000 }, (_, i) => nameOf(2 * i + 1));

    assert.ok(falsePositives(filter, strangers) < 50, `${falsePositives(filter, strangers)}`);
  });
}

test('names that were chosen because they are false positives of one seed are none of another seed', () => {
  const holders = numbered('holder-', 1_000);
  const first = given(holders, 1);
  const hostile = numbered('hostile-', 300_000).filter((name) => first.mayHave(name));
  assert.ok(hostile.length > 50, 'the test found too few names');

  assert.ok(falsePositives(given(holders, 2), hostile) < 10);
});

test('a filter takes two bytes a name', () => {
  assert.is(filterBytes(1_000_000), 2_000_000);
  assert.is(filterBytes(0), 8);
});

test.run();
