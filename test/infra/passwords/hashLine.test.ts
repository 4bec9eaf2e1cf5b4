import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createHashLine } from '../../../src/infra/passwords/hashLine.ts';
import { hashThreads } from '../../../src/infra/passwords/passwords.ts';
import { Unavailable } from '../../../src/unavailable.ts';

const test = suite('the line of password hashes');

/** A line on a clock that the test sets, and hashes that end when the test says so. */
function givenLine({ threads = 2, maxWaiting = 100, expectedMs = 20 } = {}) {
  const clock = { ms: 0 };
  const line = createHashLine({ threads, maxWaiting, expectedMs, now: () => clock.ms });
  const started: number[] = [];
  const ends: (() => void)[] = [];
  const results: Promise<number>[] = [];
  const arrive = (count: number, client = 'one') => {
    for (let i = 0; i < count; i++) {
      const place = results.length;
      const work = () => {
        started.push(place);
        return new Promise<number>((resolve) => ends.push(() => resolve(place)));
      };
      const result = line.run(client, work);
      // Some tests expect refusals.
      result.catch(() => {});
      results.push(result);
    }
  };
  const endNext = async () => {
    ends.shift()?.();
    await new Promise(setImmediate);
  };
  const refused = (client = 'one') =>
    line
      .run(client, async () => 0)
      .then(
        () => assert.unreachable(),
        (error: unknown) => {
          assert.instance(error, Unavailable);
          return (error as Unavailable).retryAfterSeconds;
        },
      );
  return { clock, started, results, arrive, endNext, refused, line };
}

for (const [workers, cores, threads] of [
  [1, 1, 1],
  [1, 2, 2],
  [1, 16, 3],
  [2, 2, 1],
  [4, 8, 2],
  [8, 2, 1],
] as const) {
  test(`each of ${workers} processes on ${cores} cores hashes with ${threads} threads`, () => {
    assert.is(hashThreads(workers, cores), threads);
  });
}

test('no more hashes than threads run at a time', async () => {
  const { started, arrive, endNext } = givenLine({ threads: 2 });
  arrive(5);
  assert.is(started.length, 2);
  await endNext();
  assert.is(started.length, 3);
});

test('hashes of one client run in the order of their arrival, and a newcomer does not overtake', async () => {
  const { started, results, arrive, endNext } = givenLine({ threads: 2 });
  arrive(4);
  await endNext();
  arrive(2);
  for (let i = 0; i < 6; i++) await endNext();
  assert.equal(await Promise.all(results), [0, 1, 2, 3, 4, 5]);
  assert.equal(started, [0, 1, 2, 3, 4, 5]);
});

test('clients take turns, so a single log-in waits for one hash of each other client', async () => {
  const { started, arrive, endNext } = givenLine({ threads: 1 });
  arrive(50, 'flood');
  arrive(3, 'office');
  arrive(1, 'lone');

  for (let i = 0; i < 7; i++) await endNext();

  // Places 0 to 49 are the flood, 50 to 52 the office, 53 the lone client.
  assert.equal(started, [0, 1, 50, 53, 2, 51, 3, 52]);
});

test('when the line is full, the client with the most waiting hashes loses its newest one to a newcomer', async () => {
  const { started, results, arrive, endNext, refused } = givenLine({ threads: 1, maxWaiting: 10 });
  arrive(11, 'flood');

  arrive(1, 'lone');

  assert.instance(await results[10]?.catch((error) => error), Unavailable);
  assert.is(await refused('flood'), 1);
  for (let i = 0; i < 12; i++) await endNext();
  assert.equal(started, [0, 1, 11, 2, 3, 4, 5, 6, 7, 8, 9]);
});

test('when the line is full of single log-ins of many clients, a newcomer is refused and all of them are served', async () => {
  const { started, arrive, endNext, refused } = givenLine({ threads: 1, maxWaiting: 10 });
  for (let i = 0; i < 11; i++) arrive(1, `client-${i}`);

  assert.is(await refused('newcomer'), 1);

  for (let i = 0; i < 11; i++) await endNext();
  assert.is(started.length, 11);
});

test('a refusal says how long the line takes, by the expected duration of a hash', async () => {
  const { arrive, refused } = givenLine({ threads: 2, maxWaiting: 998, expectedMs: 20 });
  arrive(1_000);
  assert.is(await refused(), 10);
});

test('measured durations replace the expected one', async () => {
  const { clock, arrive, endNext, refused } = givenLine({ threads: 1, maxWaiting: 99, expectedMs: 10 });
  arrive(100);
  for (let i = 0; i < 100; i++) {
    clock.ms += 100;
    await endNext();
    arrive(1);
  }
  assert.is(await refused(), 10);
});

test('a place is free again after a hash that failed', async () => {
  const { line } = givenLine({ threads: 1, maxWaiting: 0 });
  await line.run('one', () => Promise.reject(new Error('failed'))).catch(() => {});
  assert.is(await line.run('one', async () => 'next'), 'next');
});

test.run();
