import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { CODE_LENGTH, groupedCode, newCode, partitionOfCode, readCode } from '../../src/coupon/code.ts';

const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
const code = fc.integer({ min: 0, max: 15 }).map(newCode);
const test = suite('the code of a piece');

test('a code has 12 characters without look-alikes and leads to its partition', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 15 }), (partition) => {
      const made = newCode(partition);
      assert.match(made, new RegExp(`^[${ALPHABET}]{${CODE_LENGTH}}$`));
      assert.is(partitionOfCode(made), partition);
    }),
  );
});

test('no two of 100,000 codes are the same', () => {
  const codes = Array.from({ length: 100_000 }, (_, i) => newCode(i % 16));

  assert.is(new Set(codes).size, codes.length);
});

test('every character of a code but the first and the last has each of 32 values equally often', () => {
  const codes = Array.from({ length: 32_000 }, () => newCode(3));

  for (let place = 1; place < CODE_LENGTH - 1; place++) {
    const counts = new Map<string, number>();
    for (const made of codes) counts.set(made.charAt(place), (counts.get(made.charAt(place)) ?? 0) + 1);
    assert.is(counts.size, 32);
    // Expected 1,000 each with a deviation of 31: 250 more or less is out of the question.
    for (const [character, count] of counts)
      assert.ok(Math.abs(count - 1_000) < 250, `${character} at ${place}: ${count}`);
  }
});

const typed: [how: string, type: (grouped: string) => string][] = [
  ['as printed', (grouped) => grouped],
  ['in small letters', (grouped) => grouped.toLowerCase()],
  ['without separators', (grouped) => grouped.replaceAll('-', '')],
  ['with spaces', (grouped) => ` ${grouped.replaceAll('-', ' ')}\n`],
  ['with O for 0', (grouped) => grouped.replaceAll('0', 'O')],
  ['with l for 1', (grouped) => grouped.replaceAll('1', 'l')],
  ['with I for 1', (grouped) => grouped.replaceAll('1', 'I')],
];
for (const [how, type] of typed) {
  test(`a code that is typed ${how} is read`, () => {
    fc.assert(fc.property(code, (made) => assert.is(readCode(type(groupedCode(made))), made)));
  });
}

test('every code with one wrong character is recognised as mistyped', () => {
  for (let i = 0; i < 200; i++) {
    const made = newCode(i % 16);
    for (let place = 0; place < CODE_LENGTH; place++)
      for (const other of ALPHABET)
        if (other !== made[place]) assert.is(readCode(made.slice(0, place) + other + made.slice(place + 1)), undefined);
  }
});

test('every code with two characters exchanged is recognised as mistyped', () => {
  for (let i = 0; i < 200; i++) {
    const made = [...newCode(i % 16)];
    for (let a = 0; a < CODE_LENGTH; a++)
      for (let b = a + 1; b < CODE_LENGTH; b++) {
        if (made[a] === made[b]) continue;
        const exchanged = [...made];
        [exchanged[a], exchanged[b]] = [made[b] ?? '', made[a] ?? ''];
        assert.is(readCode(exchanged.join('')), undefined);
      }
  }
});

test('what is too short, too long or has other characters is no code', () => {
  for (const text of ['', '7K3M', '7K3M-9QTX-2WEC-0', '7K3M-9QTX-2WE!', 'Ü'.repeat(12)])
    assert.is(readCode(text), undefined);
});

test.run();
