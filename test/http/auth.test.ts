import { createSecretKey } from 'node:crypto';
import jsonwebtoken from 'jsonwebtoken';
import Koa from 'koa';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createAuth, requireClaims } from '../../src/http/auth.ts';
import { answerErrors } from '../../src/http/errors.ts';
import { createTokenReader, createTokens } from '../../src/infra/tokens.ts';
import { serveApp } from '../support/serveApp.ts';

// The middleware that authenticates a request. No store is involved.

const secret = 'a secret of the tests that is long enough to be taken';
const tokens = createTokens(secret, 60, () => false);
const app = new Koa()
  .use(answerErrors)
  .use(createAuth(tokens).required)
  .use((ctx) => {
    ctx.body = requireClaims(ctx);
  });
const { url, close } = await serveApp(app.callback());
const test = suite('the authentication of a request');

const key = createSecretKey(Buffer.from(secret));
const read = createTokenReader(secret, 60);
const good = {
  kind: 'customer',
  iss: 'seckill',
  aud: 'seckill',
  sub: 'tom',
  jti: 'j',
  exp: Math.floor(Date.now() / 1_000) + 60,
};

test('the fast reader accepts a valid token', () => {
  const claims = read(tokens.issue('tom', 'customer'));

  assert.is(claims?.sub, 'tom');
  assert.is(claims?.kind, 'customer');
});

test('the handler of a request with a valid token gets its claims', async () => {
  const response = await fetch(url, { headers: { authorization: jsonwebtoken.sign(good, key) } });

  assert.is(response.status, 200);
  assert.match(await response.text(), '"sub":"tom"');
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
    assert.is((await fetch(url, { headers: { authorization: token } })).status, 401);
  });
}

test.after(close);
test.run();
