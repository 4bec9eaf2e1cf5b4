import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createWindowCounter } from '../../../src/infra/limits/windowCounter.ts';

const test = suite('a limit for each subject and window');
const WINDOW_MS = 10_000;
const times = (count: number, send: (place: number) => number) =>
  Array.from({ length: count }, (_, place) => send(place));
const admitted = (answers: readonly number[]) => answers.filter((seconds) => seconds === 0).length;

for (const limit of [1, 2, 3, 7, 2_000])
  test(`a subject has exactly its limit of ${limit} in each window, and then gets the seconds until the next one`, () => {
    let now = 500;
    const count = createWindowCounter(limit, WINDOW_MS, () => now);

    const first = times(limit + 50, () => count('bob'));
    now += 4_500;
    const later = count('bob');
    now += 5_500;
    const next = times(limit + 50, () => count('bob'));

    assert.equal(first, [...Array(limit).fill(0), ...Array(50).fill(10)]);
    assert.is(later, 6);
    assert.is(admitted(next), limit);
  });

test('a limit of 0 is none', () => {
  const count = createWindowCounter(0, WINDOW_MS, () => 0);

  assert.is(admitted(times(10_000, () => count('bob'))), 10_000);
});

test('a crowd in which each subject stays below half of the limit is never refused, although subjects share buckets', () => {
  const count = createWindowCounter(4, WINDOW_MS, () => 0);

  const answers = times(90_000, (place) => count(`customer-${place}`) + count(`customer-${place}`));

  assert.is(admitted(answers), 90_000);
});

test('floods of others leave each subject at least half of the limit', () => {
  const count = createWindowCounter(10, WINDOW_MS, () => 0);
  for (let place = 0; place < 90_000; place++) times(5, () => count(`flood-${place}`));

  const answers = times(200, (place) => admitted(times(20, () => count(`customer-${place}`))));

  assert.ok(
    answers.every((events) => events >= 5 && events <= 10),
    String(answers),
  );
});

test('more subjects than the memory has room for are not refused', () => {
  const count = createWindowCounter(1, WINDOW_MS, () => 0);

  const answers = times(150_000, (place) => count(`flood-${place}`));

  assert.is(admitted(answers), 150_000);
  assert.ok(count('flood-0') > 0);
});

test.run();
