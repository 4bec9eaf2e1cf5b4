import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createLog } from '../../src/infra/telemetry/log.ts';
import { openSystem } from '../../src/system.ts';
import { decideGrabsOf } from '../support/decideGrabsOf.ts';
import { withoutCode } from '../support/givenWhenThen.ts';
import { openTestServer } from '../support/testServer.ts';
import { loggedEvents, settled } from '../support/testSystem.ts';

// A client that got no answer retries with the same Idempotency-Key and gets the answer of its first request.

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

/** Given a coupon of the seller ann. */
const given = (name: string, amount: number) => client.create(ann, 'ann', { name, amount, stock: 5 });

/** When the user of the token grabs: the status and the header Grab-Outcome. */
async function grab(token: string, name: string, key?: string): Promise<string> {
  const { status, headers } = await client.grab(token, 'ann', name, key);
  return `${status} ${headers.get('grab-outcome')}`;
}

/** Then: the events of the coupon's grabs in MySQL. */
async function grabEvents(name: string) {
  await settled(system);
  return (await loggedEvents(system, 'ann', name)).slice(1);
}

test('retries with the same key get 201 again, and the log has one event', async () => {
  await given('again', 5);

  for (let tries = 0; tries < 3; tries++) assert.is(await grab(bob, 'again', 'k-1'), '201 grabbed');

  assert.equal(
    (await grabEvents('again')).map(({ data }) => withoutCode(data)),
    [{ customer: 'bob', left: 4, idempotencyKey: 'k-1' }],
  );
});

test('simultaneous requests with the same key all get 201, and the log has one event', async () => {
  await given('at once', 5);

  const outcomes = await Promise.all(Array.from({ length: 10 }, () => grab(bob, 'at once', 'k-2')));

  assert.equal(new Set(outcomes), new Set(['201 grabbed']));
  assert.is((await grabEvents('at once')).length, 1);
});

test('the refusal of a customer who is called like a command is not that of the command, nor the other way round', async () => {
  const release = await client.enter('release', 'customer');
  await given('like a command', 1);
  await grab(eve, 'like a command');
  assert.is(await grab(release, 'like a command', 'bob k'), '204 sold-out');
  const giveBack = async (token: string, name: string, key?: string) => {
    const options = key === undefined ? { token } : { token, key };
    const { status, body } = await client.send('DELETE', `/api/users/${name}/coupons/ann/like%20a%20command`, options);
    return `${status} ${body?.errMsg}`;
  };

  const first = await giveBack(bob, 'bob', 'k');
  assert.match(first, /^404 /);
  // When there is a piece again, each key gets its own first answer.
  assert.match(await giveBack(eve, 'eve'), /^200 /);
  assert.is(await grab(release, 'like a command', 'bob k'), '204 sold-out');
  assert.is(await grab(release, 'like a command', 'another'), '201 grabbed');
  assert.is(await giveBack(bob, 'bob', 'k'), first);
});

test('a holder who grabs again with another key or with no key gets already-grabbed', async () => {
  await given('another key', 5);
  await grab(bob, 'another key', 'k-3');

  assert.is(await grab(bob, 'another key', 'k-4'), '204 already-grabbed');
  assert.is(await grab(bob, 'another key'), '204 already-grabbed');
  assert.is(await grab(bob, 'another key', 'k-4'), '204 already-grabbed');
});

test('a holder who won without a key gets already-grabbed for a later grab with a key', async () => {
  await given('no key', 5);
  await grab(bob, 'no key');

  assert.is(await grab(bob, 'no key', 'k-5'), '204 already-grabbed');
});

test('a key that got no-such-coupon gets it again, even after the coupon was created', async () => {
  assert.is(await grab(bob, 'later', 'k-6'), '204 no-such-coupon');
  await given('later', 1);

  assert.is(await grab(bob, 'later', 'k-6'), '204 no-such-coupon');
  assert.is(await grab(eve, 'later', 'k-6'), '201 grabbed');
  assert.is(await grab(bob, 'later', 'k-7'), '204 sold-out');
  assert.is(await grab(bob, 'later', 'k-7'), '204 sold-out');
});

test('using a key for a second coupon is a 422 and takes no piece', async () => {
  await given('one', 5);
  await given('two', 5);
  await grab(bob, 'one', 'k-8');

  const { status, body } = await client.grab(bob, 'ann', 'two', 'k-8');

  assert.is(status, 422);
  assert.equal(body, { errMsg: 'The Idempotency-Key belongs to a grab of another coupon.' });
  assert.is((await grabEvents('two')).length, 0);
});

test('two customers may use the same key', async () => {
  await given('shared key', 5);

  assert.is(await grab(bob, 'shared key', 'k-9'), '201 grabbed');
  assert.is(await grab(eve, 'one', 'k-9'), '201 grabbed');
});

const strings = [
  'x',
  'k'.repeat(64),
  '"quoted" \\ and spaced',
  Buffer.from('钥'.repeat(64)).toString('latin1'),
  'caf\xe9',
];
for (const [place, key] of strings.entries()) {
  test(`any string of up to 64 characters may be a key: ${key.slice(0, 30)}`, async () => {
    const name = `string ${place}`;
    await given(name, 5);

    for (let tries = 0; tries < 2; tries++) assert.is(await grab(bob, name, key), '201 grabbed');
  });
}

test('a key of 65 characters is a 400', async () => {
  const { status, body } = await client.grab(bob, 'ann', 'one', 'k'.repeat(65));

  assert.is(status, 400);
  assert.equal(body, { errMsg: 'Idempotency-Key too long.' });
});

test('an empty key counts as no key', async () => {
  await given('empty', 5);
  await grab(bob, 'empty', '');

  assert.is(await grab(bob, 'empty', ''), '204 already-grabbed');
});

test('after Redis was flushed and rebuilt from the log, a key that won still gets 201', async () => {
  await given('rebuilt', 5);
  await grab(bob, 'rebuilt', 'k-10');
  await grab(eve, 'rebuilt');
  await settled(system);

  await system.redis.flushall();

  let outcome = '';
  while (!outcome.startsWith('2')) outcome = await grab(bob, 'rebuilt', 'k-10');
  assert.is(outcome, '201 grabbed');
  assert.is(await grab(bob, 'rebuilt', 'k-11'), '204 already-grabbed');
  assert.is(await grab(eve, 'rebuilt', 'k-12'), '204 already-grabbed');
});

test('one script call for several grabs matches each key with its own customer', async () => {
  await given('batch', 3);
  const request = (customer: string, idempotencyKey: string) => ({ customer, idempotencyKey });

  const results = await decideGrabsOf(system, { seller: 'ann', name: 'batch' }, [
    request('tom', 'a'),
    request('tom', 'a'),
    request('tom', 'b'),
    request('kim', ''),
    request('kim', 'a'),
  ]);

  assert.equal(
    results.map(({ outcome }) => outcome),
    ['grabbed', 'grabbed', 'already-grabbed', 'grabbed', 'already-grabbed'],
  );
});

test.after(async () => {
  await closeSystem();
  await close();
});
test.run();
