import { setImmediate as nextTurn } from 'node:timers/promises';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createSharedReads } from '../../../src/queries/sellers/sharedReads.ts';

const test = suite('shared reads');

/** Reads that end when the test says so. The n-th read of all keys has the result `key n`. */
function givenReads() {
  const share = createSharedReads<string>();
  const sent: { key: string; end(): void; fail(): void }[] = [];
  const request = (key: string) =>
    share(
      key,
      () =>
        new Promise((resolve, reject) => {
          const result = `${key} ${sent.length + 1}`;
          sent.push({ key, end: () => resolve(result), fail: () => reject(new Error(`failed: ${result}`)) });
        }),
    );
  return { request, sent };
}
const errorOf = (request: Promise<string>) => request.catch((error) => error.message);

test('requests of one turn of the event loop share one read', async () => {
  const { request, sent } = givenReads();
  const requests = [request('a'), request('a'), request('a')];
  await nextTurn();
  sent[0]?.end();

  assert.equal(await Promise.all(requests), ['a 1', 'a 1', 'a 1']);
  assert.is(sent.length, 1);
});

test('a request that arrives while a read is under way gets the next read', async () => {
  const { request, sent } = givenReads();
  const early = request('a');
  await nextTurn();

  const late = [request('a'), request('a')];
  await nextTurn();
  assert.is(sent.length, 1);
  sent[0]?.end();
  assert.is(await early, 'a 1');
  await nextTurn();
  late.push(request('a'));
  sent[1]?.end();

  assert.equal(await Promise.all(late.slice(0, 2)), ['a 2', 'a 2']);
  await nextTurn();
  sent[2]?.end();
  assert.is(await late[2], 'a 3');
});

test('a request after the last read has ended gets a read of its own', async () => {
  const { request, sent } = givenReads();
  for (const result of ['a 1', 'a 2', 'a 3']) {
    const requested = request('a');
    await nextTurn();
    sent.at(-1)?.end();

    assert.is(await requested, result);
  }
});

test('a read that does not end holds up no other key', async () => {
  const { request, sent } = givenReads();
  void request('slow');
  await nextTurn();

  const others = Array.from({ length: 100 }, (_, place) => request(`key-${place}`));
  await nextTurn();
  for (const { end } of sent.slice(1)) end();

  assert.equal(
    await Promise.all(others),
    others.map((_, place) => `key-${place} ${place + 2}`),
  );
});

test('a failure reaches all requests that share the read, and the requests after them get the next read', async () => {
  const { request, sent } = givenReads();
  const failing = [errorOf(request('a')), errorOf(request('a'))];
  await nextTurn();
  const waiting = request('a');
  sent[0]?.fail();

  assert.equal(await Promise.all(failing), ['failed: a 1', 'failed: a 1']);
  await nextTurn();
  sent[1]?.end();
  assert.is(await waiting, 'a 2');
  const later = request('a');
  await nextTurn();
  sent[2]?.end();
  assert.is(await later, 'a 3');
});

test('a read that throws before it is sent fails like any other', async () => {
  const share = createSharedReads<string>();
  let isBroken = true;
  const request = () =>
    share('a', () => {
      if (isBroken) throw new Error('broken');
      return Promise.resolve('good');
    });

  assert.equal(await Promise.all([errorOf(request()), errorOf(request())]), ['broken', 'broken']);
  isBroken = false;
  assert.is(await request(), 'good');
});

test.run();
