import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createOfferedPieces, type OfferedPieces } from '../../src/live/offeredPieces.ts';
import { createSaleCourse, MAX_MINUTES, minuteOf, type SaleCourse } from '../../src/live/saleCourse.ts';

const test = suite('the course of a sale');
const grabsOf = (course: SaleCourse) => course.figures(PIECES).minutes.map(({ minute, grabs }) => [minute, grabs]);
const PIECES = 1_000;
const givenCourse = (before: number) => createSaleCourse(before, createOfferedPieces(1, PIECES));
/** The grab after which so many pieces are grabbed. */
const grab = (course: SaleCourse, minute: number, grabbed: number) =>
  course.addGrab(minute, 1 + grabbed, PIECES - grabbed);

test('the grabs of a minute are the difference to the minute before', () => {
  const course = givenCourse(0);
  grab(course, 7, 40);
  grab(course, 8, 100);
  assert.equal(grabsOf(course), [
    [7, 40],
    [8, 60],
  ]);
});

test('messages that arrive twice, late or in another order give the same course', () => {
  const course = givenCourse(0);
  for (const [minute, grabbed] of [
    [8, 90],
    [8, 100],
    [7, 40],
    [8, 90],
    [7, 20],
    [8, 100],
  ] as const)
    grab(course, minute, grabbed);
  assert.equal(grabsOf(course), [
    [7, 40],
    [8, 60],
  ]);
});

test('pieces that were grabbed before the board opened are in no minute until the history has been read', () => {
  const course = givenCourse(30);
  grab(course, 8, 50);
  assert.equal(grabsOf(course), [[8, 20]]);
  assert.is(course.figures(PIECES).firstGrabAt, null);
  course.addHistory({ minutes: [{ minute: 6, grabs: 30 }], before: 0, times: { first: 6e10, last: 7e10 } }, 0);
  assert.equal(grabsOf(course), [
    [6, 30],
    [8, 20],
  ]);
  assert.is(course.figures(PIECES).firstGrabAt, 6e7);
});

test('grabs that MySQL did not have yet move to their own minute when it is read again', () => {
  const course = givenCourse(30);
  course.addHistory({ minutes: [{ minute: 6, grabs: 10 }], before: 0 }, 0);
  grab(course, 8, 50);
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
  const course = givenCourse(100);
  course.addHistory({ minutes: [{ minute: 9, grabs: 40 }], before: 0 }, 60);
  assert.equal(grabsOf(course), [[9, 40]]);
  assert.is(course.counted(), 100);
});

test('a long sale keeps its newest minutes and the sum of the others', () => {
  const course = givenCourse(0);
  for (let minute = 1; minute <= MAX_MINUTES + 5; minute++) grab(course, minute, minute * 10);
  const minutes = grabsOf(course);
  assert.is(minutes.length, MAX_MINUTES);
  assert.equal(minutes[0], [6, 10]);
  assert.is(course.counted(), (MAX_MINUTES + 5) * 10);
});

test('restocks and released pieces are no grabs, in whatever order the messages arrive', () => {
  // Of two pieces, two are grabbed in minute 7; one is given back, three are added, and four are grabbed in minute 8.
  const messages = [
    (course: SaleCourse) => course.addGrab(7, 3, 0),
    (_: SaleCourse, offered: OfferedPieces) => offered.add(4, 1),
    (_: SaleCourse, offered: OfferedPieces) => offered.add(5, 3),
    (course: SaleCourse) => course.addGrab(8, 9, 0),
    // Redis was read after the release.
    (_: SaleCourse, offered: OfferedPieces) => offered.setSum(4, 3),
    (_: SaleCourse, offered: OfferedPieces) => offered.add(4, 1),
  ];
  for (const order of [messages, [...messages].reverse(), [...messages.slice(3), ...messages.slice(0, 3)]]) {
    const offered = createOfferedPieces(1, 2);
    const course = createSaleCourse(0, offered);
    for (const arrive of order) arrive(course, offered);
    assert.equal(grabsOf(course), [
      [7, 2],
      [8, 4],
    ]);
    assert.is(course.counted(), 6);
  }
});

test('a minute has no more grabs than the coupon, while the message about a restock is missing', () => {
  const offered = createOfferedPieces(1, 2);
  const course = createSaleCourse(0, offered);
  // Redis was read after a restock of three pieces.
  offered.setSum(4, 5);
  course.addGrab(7, 2, 1);
  assert.equal(course.figures(1).minutes, [{ minute: 7, grabs: 1 }]);
});

test('pieces whose grabs are counted are forgotten, and the counts stay', () => {
  const offered = createOfferedPieces(1, 2);
  const course = createSaleCourse(0, offered);
  offered.add(3, 1);
  course.addGrab(7, 2, 1);
  course.addGrab(9, 4, 1);
  offered.setSum(4, 3);
  offered.forgetBefore(course.oldestOpen() ?? 0);
  assert.equal(grabsOf(course), [
    [7, 1],
    [9, 1],
  ]);
  assert.is(offered.at(4), 3);
});

test('first and last grab are those of all messages', () => {
  const course = givenCourse(0);
  course.addTimes(5_000, 9_000);
  course.addTimes(3_000, 4_000);
  const { firstGrabAt, lastGrabAt } = course.figures(PIECES);
  assert.equal([firstGrabAt, lastGrabAt], [3, 9]);
});

test('a minute is counted as in the table sales_per_minute', () => {
  assert.is(minuteOf(119_999_999), 1);
  assert.is(minuteOf(120_000_000), 2);
});

test.run();
