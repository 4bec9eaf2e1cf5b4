import { createSecretKey } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import jsonwebtoken from 'jsonwebtoken';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createTokenIssuer, createTokenReader } from '../../src/infra/tokens.ts';
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
  const token = createTokenIssuer(config.jwtSecret, 2)('kim', 'customer');
  assert.is((await client.list(token, 'kim')).status, 204);

  await sleep(2_500);

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

const key = createSecretKey(Buffer.from(config.jwtSecret));
const read = createTokenReader(config.jwtSecret);
const good = { kind: 'customer', iss: 'seckill', aud: 'seckill', sub: 'tom', jti: 'j', exp: 4_000_000_000 };

test('the fast reader accepts a valid token', () => {
  const token = createTokenIssuer(config.jwtSecret, 60)('tom', 'customer');

  const claims = read(token);

  assert.is(claims?.sub, 'tom');
  assert.is(claims?.kind, 'customer');
});

const invalid: [description: string, token: string][] = [
  ['another secret', jsonwebtoken.sign(good, 'another secret of at least 32 bytes!')],
  ['no signature', `${jsonwebtoken.sign(good, key).split('.').slice(0, 2).join('.')}.`],
  ['the algorithm none', jsonwebtoken.sign(good, null, { algorithm: 'none' })],
  ['another algorithm', jsonwebtoken.sign(good, key, { algorithm: 'HS512' })],
  ['another issuer', jsonwebtoken.sign({ ...good, iss: 'other' }, key)],
  ['another audience', jsonwebtoken.sign({ ...good, aud: 'other' }, key)],
  ['a validity that begins later', jsonwebtoken.sign({ ...good, nbf: 4_000_000_000 }, key)],
  ['no expiry', jsonwebtoken.sign((({ exp: _, ...rest }) => rest)(good), key)],
  ['no id', jsonwebtoken.sign((({ jti: _, ...rest }) => rest)(good), key)],
  ['another kind', jsonwebtoken.sign({ ...good, kind: 'admin' }, key)],
  ['a changed payload', jsonwebtoken.sign(good, key).replace(/\.(.)/, '.X')],
  ['a padded signature', `${jsonwebtoken.sign(good, key)}=`],
  ['no characters', ''],
  ['nothing but three dots', '...'],
];
for (const [description, token] of invalid) {
  test(`the fast reader leaves a token with ${description} to koa-jwt, which refuses it`, async () => {
    assert.is(read(token), undefined);
    assert.is((await client.list(token, 'tom')).status, 401);
  });
}

test.after(close);
test.run();
