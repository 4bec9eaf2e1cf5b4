import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { todaysThird } from './todaysThird.ts';

const test = suite('a third of the tests, another one each day');
const all = ['a', 'b', 'c', 'd', 'e'];
const HOUR_MS = 3_600_000;
const MORNING = Date.parse('2026-03-01T06:00:00Z');

test('is the same all day', () => {
  assert.equal(todaysThird(all, MORNING), todaysThird(all, MORNING + 12 * HOUR_MS));
});

test('is all of them in three days, each once', () => {
  const days = [0, 1, 2].flatMap((day) => todaysThird(all, MORNING + day * 24 * HOUR_MS));

  assert.equal(days.sort(), all);
});

test.run();
