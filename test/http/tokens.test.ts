import { setTimeout as sleep } from 'node:timers/promises';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createTokenIssuer } from '../../src/infra/tokens.ts';
import { openTestServer } from '../support/testServer.ts';

const { client, config, close } = await openTestServer();
const test = suite('remembered tokens');

test('after a log-out, grabs and lists refuse a token that was remembered as valid', async () => {
  const ann = await client.enter('ann', 'seller');
  const bob = await client.enter('bob', 'customer');
  await client.create(ann, 'ann', { name: 'x', amount: 5, stock: 5 });
  assert.is((await client.grab(bob, 'ann', 'x')).status, 201);
  assert.is((await client.grab(bob, 'ann', 'x')).status, 204);

  await client.send('POST', '/api/auth/logout', { token: bob });

  const grab = await client.grab(bob, 'ann', 'x');
  assert.is(grab.status, 401);
  assert.equal(grab.body, { errMsg: 'Not Authorized.' });
  assert.is((await client.list(bob, 'bob')).status, 401);
});

test('a token that was remembered as valid is refused after its expiry', async () => {
  // Of whole seconds: a token of two seconds may be valid for little more than one, in which a busy machine does not answer.
  const token = createTokenIssuer(config.jwtSecret, 5)('kim', 'customer');
  assert.is((await client.list(token, 'kim')).status, 204);

  await sleep(5_500);

  const answer = await client.list(token, 'kim');
  assert.is(answer.status, 401);
  assert.equal(answer.body, { errMsg: 'Authorization has expired.' });
});

test('a token that differs from a remembered token in one character is refused', async () => {
  const token = await client.enter('eve', 'customer');
  assert.is((await client.list(token, 'eve')).status, 204);

  const changed = token.at(-2) === 'A' ? 'B' : 'A';

  assert.is((await client.list(token.slice(0, -2) + changed + token.slice(-1), 'eve')).status, 401);
  assert.is((await client.list(`Bearer ${token}`, 'eve')).status, 204);
});

test.after(close);
test.run();
