import { createHmac } from 'node:crypto';
import jsonwebtoken from 'jsonwebtoken';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createTokenIssuer } from '../../src/infra/tokens.ts';
import { openTestServer } from '../support/testServer.ts';

// Tokens that a server must refuse, most of them although their signature is right, against a whole server.

const TTL_SECONDS = 600;
const first = 'Vt0q3mZ7xKcRb1nYw8sLd5uGh2jPfEa9';
const second = 'J6oXiT4kWqU0yBzNv7rMc3eSgDl8hAp1';
const removed = 'Q9fHw2sZbY5tKx8mPj4dRn1vCg7uLe3a';
const { client, close } = await openTestServer({
  JWT_SECRET: `${first},${second}`,
  TOKEN_TTL_SECONDS: String(TTL_SECONDS),
});
const bob = await client.enter('bob', 'customer');
const test = suite('forged tokens');

const now = Math.floor(Date.now() / 1_000);
const encode = (json: string) => Buffer.from(json).toString('base64url');
/** The `kid` that a server with this secret writes. */
const kidOf = (secret: string) =>
  jsonwebtoken.decode(createTokenIssuer(secret, 60)('x', 'customer'), { complete: true })?.header.kid;
const goodHeader = { alg: 'HS256', typ: 'JWT' };
const goodClaims = {
  kind: 'customer',
  iss: 'seckill',
  aud: 'seckill',
  sub: 'bob',
  jti: 'id',
  iat: now,
  exp: now + TTL_SECONDS,
};

/** A token with these differences from a good one. Undefined removes a field. */
function forge({ header = {}, claims = {}, secret = first, hash = 'sha256' }: Forgery): string {
  const text = [
    { ...goodHeader, ...header },
    { ...goodClaims, ...claims },
  ].map((part) => encode(JSON.stringify(part)));
  return signed(text.join('.'), secret, hash);
}
interface Forgery {
  header?: object;
  claims?: object;
  secret?: string;
  hash?: string;
}
const signed = (text: string, secret = first, hash = 'sha256') =>
  `${text}.${createHmac(hash, secret).update(text).digest('base64url')}`;
const list = async (token: string) => {
  const { status, body } = await client.list(token, 'bob');
  return { status, errMsg: body?.errMsg };
};

const accepted: [description: string, token: string][] = [
  ['of an earlier release, without kid', forge({})],
  ['of an earlier release, signed with the second secret', forge({ secret: second })],
  ['with the kid of the first secret', forge({ header: { kid: kidOf(first) } })],
  ['with the kid of the second secret', forge({ header: { kid: kidOf(second) }, secret: second })],
  [
    'whose header has another order',
    signed(`${encode('{"typ":"JWT","alg":"HS256"}')}.${encode(JSON.stringify(goodClaims))}`),
  ],
  ['of a process whose clock is 30 s ahead', forge({ claims: { iat: now + 30, exp: now + 30 + TTL_SECONDS } })],
];
for (const [description, token] of accepted) {
  test(`a token ${description} is accepted`, async () => {
    assert.equal(await list(token), { status: 204, errMsg: undefined });
    assert.equal(await list(token), { status: 204, errMsg: undefined });
  });
}

const critical = [['exp'], ['b64'], ['x-unknown'], [], '', 'exp', true, false, null, {}];
const good = forge({});
const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
/** The other spellings of the same signature: a decoder ignores the last two bits of its last character. */
const sameSignature = [1, 2, 3].map((bits) => good.slice(0, -1) + alphabet[alphabet.indexOf(good.at(-1) ?? '') + bits]);
const year2100 = 4_102_444_800;
const forged: [description: string, token: string][] = [
  ['without a signature', forge({}).replace(/[^.]+$/, '')],
  ...sameSignature.map((token, i): [string, string] => [`whose signature has another spelling (${i + 1})`, token]),
  ['with the algorithm none', `${encode('{"alg":"none","typ":"JWT"}')}.${encode(JSON.stringify(goodClaims))}.`],
  ['with the algorithm none and a signature', forge({ header: { alg: 'none' } })],
  ['with the algorithm HS512', forge({ header: { alg: 'HS512' }, hash: 'sha512' })],
  [
    'with the algorithm HS512 and the kid of a secret',
    forge({ header: { alg: 'HS512', kid: kidOf(first) }, hash: 'sha512' }),
  ],
  ['of another issuer', forge({ claims: { iss: 'other' } })],
  ['for another audience', forge({ claims: { aud: 'other' } })],
  ['without an id', forge({ claims: { jti: undefined } })],
  ['without an expiry', forge({ claims: { exp: undefined } })],
  ['of another kind', forge({ claims: { kind: 'admin' } })],
  ['that becomes valid later', forge({ claims: { nbf: now + 300 } })],
  ...critical.map((crit): [string, string] => [
    `with crit ${JSON.stringify(crit)}`,
    forge({ header: { crit, exp: 1, b64: true, 'x-unknown': 1 } }),
  ]),
  ['with crit and the kid of a secret', forge({ header: { kid: kidOf(first), crit: ['exp'], exp: 1 } })],
  ['that is valid until the year 2100', forge({ claims: { exp: year2100 } })],
  [
    'that is valid until the year 2100, with the kid of a secret',
    forge({ header: { kid: kidOf(first) }, claims: { exp: year2100 } }),
  ],
  ['that expires in 1e30 s', forge({ claims: { exp: 1e30 } })],
  [
    'that expires at infinity',
    signed(
      `${encode(JSON.stringify(goodHeader))}.${encode(JSON.stringify(goodClaims).replace(/"exp":\d+/, '"exp":1e999'))}`,
    ),
  ],
  ['that lives one second longer than the setting', forge({ claims: { exp: now + TTL_SECONDS + 1 } })],
  ['with a lifetime that begins in 1970', forge({ claims: { iat: 0 } })],
  ['that was issued in the future', forge({ claims: { iat: now + 500 } })],
  [
    'that was issued in the future, with the kid of a secret',
    forge({ header: { kid: kidOf(first) }, claims: { iat: now + 500 } }),
  ],
  ['with both times in the year 2100', forge({ claims: { iat: year2100, exp: year2100 + 60 } })],
  ['without the time of its issue', forge({ claims: { iat: undefined } })],
  ['with a text as the time of its issue', forge({ claims: { iat: String(now) } })],
  ['with null as the time of its issue', forge({ claims: { iat: null } })],
  ['of a removed secret, without kid', forge({ secret: removed })],
  ['of a removed secret', createTokenIssuer(removed, 60)('bob', 'customer')],
  ['of the second secret with the kid of the first', forge({ header: { kid: kidOf(first) }, secret: second })],
  ['of the first secret with the kid of a removed one', forge({ header: { kid: kidOf(removed) } })],
  ...['', '__proto__', '../../dev/null', 0, null, {}, [kidOf(first)]].map((kid): [string, string] => [
    `with kid ${JSON.stringify(kid)}`,
    forge({ header: { kid } }),
  ]),
  ['after another token in one header', `${forge({})}, Bearer ${forge({})}`],
];
for (const [description, token] of forged) {
  test(`a token ${description} gets 401 "Not Authorized.", the second time too`, async () => {
    for (const authorization of [token, `Bearer ${token}`, token])
      assert.equal(await list(authorization), { status: 401, errMsg: 'Not Authorized.' });
  });
}

test('an expired token gets 401 "Authorization has expired.", whichever secret has signed it', async () => {
  const claims = { iat: now - 60, exp: now - 1 };
  const ofEach = [first, second].flatMap((secret) => [
    forge({ claims, secret }),
    forge({ header: { kid: kidOf(secret) }, claims, secret }),
  ]);
  for (const token of ofEach) assert.equal(await list(token), { status: 401, errMsg: 'Authorization has expired.' });
});

test('a log-in returns a token whose kid names the first secret and has no part of it', () => {
  const kid = String(jsonwebtoken.decode(bob, { complete: true })?.header.kid);

  assert.is(kid, kidOf(first));
  assert.is(kid.length, 12);
  assert.not.ok(first.includes(kid.slice(0, 4)));
});

test.after(close);
test.run();
