import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createSaleCourse, MAX_MINUTES, minuteOf } from '../../src/live/saleCourse.ts';

const test = suite('the course of a sale');
const grabsOf = (course: ReturnType<typeof createSaleCourse>) =>
  course.figures().minutes.map(({ minute, grabs }) => [minute, grabs]);

test('the grabs of a minute are the difference to the minute before', () => {
  const course = createSaleCourse(0);
  course.addMinute(7, 40);
  course.addMinute(8, 100);
  assert.equal(grabsOf(course), [
    [7, 40],
    [8, 60],
  ]);
});

test('messages that arrive twice, late or in another order give the same course', () => {
  const course = createSaleCourse(0);
  for (const [minute, grabbed] of [
    [8, 90],
    [8, 100],
    [7, 40],
    [8, 90],
    [7, 20],
    [8, 100],
  ] as const)
    course.addMinute(minute, grabbed);
  assert.equal(grabsOf(course), [
    [7, 40],
    [8, 60],
  ]);
});

test('pieces that were grabbed before the board opened are in no minute until the history has been read', () => {
  const course = createSaleCourse(30);
  course.addMinute(8, 50);
  assert.equal(grabsOf(course), [[8, 20]]);
  assert.is(course.figures().firstGrabAt, null);
  course.addHistory({ minutes: [{ minute: 6, grabs: 30 }], before: 0, times: { first: 6e10, last: 7e10 } }, 0);
  assert.equal(grabsOf(course), [
    [6, 30],
    [8, 20],
  ]);
  assert.is(course.figures().firstGrabAt, 6e7);
});

test('grabs that MySQL did not have yet move to their own minute when it is read again', () => {
  const course = createSaleCourse(30);
  course.addHistory({ minutes: [{ minute: 6, grabs: 10 }], before: 0 }, 0);
  course.addMinute(8, 50);
  assert.is(course.counted(), 50);
  course.addHistory(
    {
      minutes: [
        { minute: 6, grabs: 10 },
        { minute: 7, grabs: 20 },
        { minute: 8, grabs: 20 },
      ],
      before: 0,
    },
    0,
  );
  assert.equal(grabsOf(course), [
    [6, 10],
    [7, 20],
    [8, 20],
  ]);
});

test('grabs that are older than the projection count before the first minute', () => {
  const course = createSaleCourse(100);
  course.addHistory({ minutes: [{ minute: 9, grabs: 40 }], before: 0 }, 60);
  assert.equal(grabsOf(course), [[9, 40]]);
  assert.is(course.counted(), 100);
});

test('a long sale keeps its newest minutes and the sum of the others', () => {
  const course = createSaleCourse(0);
  for (let minute = 1; minute <= MAX_MINUTES + 5; minute++) course.addMinute(minute, minute * 10);
  const minutes = grabsOf(course);
  assert.is(minutes.length, MAX_MINUTES);
  assert.equal(minutes[0], [6, 10]);
  assert.is(course.counted(), (MAX_MINUTES + 5) * 10);
});

test('first and last grab are those of all messages', () => {
  const course = createSaleCourse(0);
  course.addTimes(5_000, 9_000);
  course.addTimes(3_000, 4_000);
  const { firstGrabAt, lastGrabAt } = course.figures();
  assert.equal([firstGrabAt, lastGrabAt], [3, 9]);
});

test('a minute is counted as in the table sales_per_minute', () => {
  assert.is(minuteOf(119_999_999), 1);
  assert.is(minuteOf(120_000_000), 2);
});

test.run();
