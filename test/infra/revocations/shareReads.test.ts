import { setImmediate as oneTurn } from 'node:timers/promises';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { shareReads } from '../../../src/infra/revocations/shareReads.ts';

/** What is due happens meanwhile. */
async function nextTurn(): Promise<void> {
  for (let i = 0; i < 5; i++) await oneTurn();
}

const test = suite('reads that many requests share');

/** A store whose replies the test gives. Each read resolves to what the store held when it began. */
function slowStore() {
  const replies: { give: () => void; refuse: () => void }[] = [];
  const read = shareReads(
    () =>
      new Promise<void>((resolve, reject) => {
        replies.push({ give: resolve, refuse: () => reject(new Error('away')) });
      }),
  );
  return { read, replies };
}
const outcomeOf = (reading: Promise<void>) =>
  reading.then(
    () => 'read',
    (error: Error) => error.message,
  );

test('requests of one turn share a read', async () => {
  const { read, replies } = slowStore();
  const both = [read(), read()].map(outcomeOf);
  await nextTurn();
  assert.is(replies.length, 1);
  replies[0]?.give();
  assert.equal(await Promise.all(both), ['read', 'read']);
});

test('a request that comes while a read is under way gets the next one, which begins when that has ended', async () => {
  const { read, replies } = slowStore();
  const first = outcomeOf(read());
  await nextTurn();
  let done = false;
  const late = read().then(() => {
    done = true;
  });
  const later = outcomeOf(read());
  await nextTurn();
  assert.is(replies.length, 1);
  replies[0]?.give();
  await first;
  await nextTurn();
  assert.not(done, 'a read that began before the request does not count for it');
  assert.is(replies.length, 2, 'both share one read');
  replies[1]?.give();
  await late;
  assert.is(await later, 'read');
});

test('a read that fails is told to those who share it, and the next one begins anew', async () => {
  const { read, replies } = slowStore();
  const first = [read(), read()].map(outcomeOf);
  await nextTurn();
  const second = outcomeOf(read());
  replies[0]?.refuse();
  assert.equal(await Promise.all(first), ['away', 'away']);
  await nextTurn();
  replies[1]?.give();
  assert.is(await second, 'read');
});

test.run();
