import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { decideGrabs } from '../../src/commands/decideGrabs.ts';
import { createLog } from '../../src/infra/telemetry/log.ts';
import { openSystem } from '../../src/system.ts';
import { openTestServer } from '../support/testServer.ts';
import { loggedEvents, settled } from '../support/testSystem.ts';

// A client that did not hear the answer asks again with the same Idempotency-Key, and gets the answer of the first time.

const { client, config, close } = await openTestServer();
const { system, close: closeSystem } = await openSystem(config, createLog('silent'));
const test = suite('Idempotency-Key');
let ann = '';
let bob = '';
let eve = '';

test.before(async () => {
  ann = await client.enter('ann', 'seller');
  bob = await client.enter('bob', 'customer');
  eve = await client.enter('eve', 'customer');
});

const outcomeOf = async (answer: ReturnType<typeof client.grab>) => {
  const { status, headers } = await answer;
  return `${status} ${headers.get('grab-outcome')}`;
};
const given = (name: string, amount: number) => client.create(ann, 'ann', { name, amount, stock: 5 });
const grabsOf = async (name: string) => (await loggedEvents(system, 'ann', name)).slice(1);

test('a retry with the same key gets 201 again, with one event', async () => {
  await given('again', 5);
  for (let tries = 0; tries < 3; tries++)
    assert.is(await outcomeOf(client.grab(bob, 'ann', 'again', 'k-1')), '201 grabbed');
  await settled(system);
  assert.equal(
    (await grabsOf('again')).map(({ data }) => data),
    [{ customer: 'bob', left: 4, idempotencyKey: 'k-1' }],
  );
});

test('tries that come at once with the same key all get 201, with one event', async () => {
  await given('at once', 5);
  const tries = Array.from({ length: 10 }, () => outcomeOf(client.grab(bob, 'ann', 'at once', 'k-2')));
  assert.equal(new Set(await Promise.all(tries)), new Set(['201 grabbed']));
  await settled(system);
  assert.is((await grabsOf('at once')).length, 1);
});

test('a holder who comes with another key, or with none, is told already-grabbed', async () => {
  await given('another key', 5);
  await client.grab(bob, 'ann', 'another key', 'k-3');
  assert.is(await outcomeOf(client.grab(bob, 'ann', 'another key', 'k-4')), '204 already-grabbed');
  assert.is(await outcomeOf(client.grab(bob, 'ann', 'another key')), '204 already-grabbed');
  assert.is(await outcomeOf(client.grab(bob, 'ann', 'another key', 'k-4')), '204 already-grabbed');
});

test('who won without a key is told already-grabbed when one comes later', async () => {
  await given('no key', 5);
  await client.grab(bob, 'ann', 'no key');
  assert.is(await outcomeOf(client.grab(bob, 'ann', 'no key', 'k-5')), '204 already-grabbed');
});

test('a refusal stays the answer of its key, even when the coupon is created afterwards', async () => {
  assert.is(await outcomeOf(client.grab(bob, 'ann', 'later', 'k-6')), '204 no-such-coupon');
  await given('later', 1);
  assert.is(await outcomeOf(client.grab(bob, 'ann', 'later', 'k-6')), '204 no-such-coupon');
  assert.is(await outcomeOf(client.grab(eve, 'ann', 'later', 'k-6')), '201 grabbed');
  assert.is(await outcomeOf(client.grab(bob, 'ann', 'later', 'k-7')), '204 sold-out');
  assert.is(await outcomeOf(client.grab(bob, 'ann', 'later', 'k-7')), '204 sold-out');
});

test('the same key for another coupon is a 422, and takes no piece', async () => {
  await given('one', 5);
  await given('two', 5);
  await client.grab(bob, 'ann', 'one', 'k-8');
  const { status, body } = await client.grab(bob, 'ann', 'two', 'k-8');
  assert.is(status, 422);
  assert.equal(body, { errMsg: 'The Idempotency-Key belongs to a grab of another coupon.' });
  await settled(system);
  assert.is((await grabsOf('two')).length, 0);
});

test('two customers may use the same key', async () => {
  await given('shared key', 5);
  assert.is(await outcomeOf(client.grab(bob, 'ann', 'shared key', 'k-9')), '201 grabbed');
  assert.is(await outcomeOf(client.grab(eve, 'ann', 'one', 'k-9')), '201 grabbed');
});

const strings = [
  'x',
  'k'.repeat(64),
  '"quoted" \\ and spaced',
  Buffer.from('钥'.repeat(64)).toString('latin1'),
  'caf\xe9',
];
for (const [place, key] of strings.entries()) {
  test(`any string up to 64 characters is a key: ${key.slice(0, 30)}`, async () => {
    const name = `string ${place}`;
    await given(name, 5);
    for (let tries = 0; tries < 2; tries++)
      assert.is(await outcomeOf(client.grab(bob, 'ann', name, key)), '201 grabbed');
  });
}

test('a key of 65 characters is a 400', async () => {
  const { status, body } = await client.grab(bob, 'ann', 'one', 'k'.repeat(65));
  assert.is(status, 400);
  assert.equal(body, { errMsg: 'Idempotency-Key too long.' });
});

test('an empty key is none', async () => {
  await given('empty', 5);
  await client.grab(bob, 'ann', 'empty', '');
  assert.is(await outcomeOf(client.grab(bob, 'ann', 'empty', '')), '204 already-grabbed');
});

test('after Redis lost all it had, the key that won still gets 201', async () => {
  await given('rebuilt', 5);
  await client.grab(bob, 'ann', 'rebuilt', 'k-10');
  await client.grab(eve, 'ann', 'rebuilt');
  await settled(system);
  await system.redis.flushall();
  let answer = '';
  while (!answer.startsWith('2')) answer = await outcomeOf(client.grab(bob, 'ann', 'rebuilt', 'k-10'));
  assert.is(answer, '201 grabbed');
  assert.is(await outcomeOf(client.grab(bob, 'ann', 'rebuilt', 'k-11')), '204 already-grabbed');
  assert.is(await outcomeOf(client.grab(eve, 'ann', 'rebuilt', 'k-12')), '204 already-grabbed');
});

test('one call for several customers knows who came with which key', async () => {
  await given('batch', 3);
  const asked = (customer: string, idempotencyKey: string) => ({ customer, idempotencyKey });
  const outcomes = await decideGrabs(system, { seller: 'ann', name: 'batch' }, [
    asked('tom', 'a'),
    asked('tom', 'a'),
    asked('tom', 'b'),
    asked('kim', ''),
    asked('kim', 'a'),
  ]);
  assert.equal(outcomes, ['grabbed', 'grabbed', 'already-grabbed', 'grabbed', 'already-grabbed']);
});

test.after(async () => {
  await closeSystem();
  await close();
});
test.run();
