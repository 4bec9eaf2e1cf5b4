import { createHmac } from 'node:crypto';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createTokenIssuer } from '../../src/infra/tokens.ts';
import { AUDIENCE, createKey, openIdentityProvider, type SigningKey } from '../support/identityProvider.ts';
import { openTestServer } from '../support/testServer.ts';

// Tokens of an identity provider that a server must refuse, against a whole server and a real provider.

const provider = await openIdentityProvider();
const { client, config, close } = await openTestServer({
  AUTH_ISSUER: provider.issuer,
  AUTH_AUDIENCE: `${AUDIENCE}, another audience`,
  AUTH_KIND_CLAIM: 'roles',
  AUTH_SELLER_VALUES: 'shop-admin',
  AUTH_CUSTOMER_VALUES: 'buyer,vip',
  LOCAL_ACCOUNTS: '0',
});
const test = suite('forged tokens of an identity provider');
const [rs, es, ed] = provider.keys as [SigningKey, SigningKey, SigningKey];
const now = Math.floor(Date.now() / 1_000);
const buyer = { sub: 'bob', roles: 'buyer' };
const encode = (part: object | string) =>
  Buffer.from(typeof part === 'string' ? part : JSON.stringify(part)).toString('base64url');

const list = async (token: string, name = 'bob') => {
  const { status, body } = await client.list(token, name);
  return { status, errMsg: body?.errMsg };
};
const ACCEPTED = { status: 204, errMsg: undefined };
const REFUSED = { status: 401, errMsg: 'Not Authorized.' };
const EXPIRED = { status: 401, errMsg: 'Authorization has expired.' };

for (const alg of ['RS256', 'ES256', 'EdDSA'] as const) {
  test(`a token of the provider with ${alg} is accepted, the second time too`, async () => {
    const token = await provider.issue({ sub: 'bob', alg, claims: { roles: ['other', 'vip'] } });

    assert.equal([await list(token), await list(`Bearer ${token}`)], [ACCEPTED, ACCEPTED]);
  });
}

const acceptedClaims: [description: string, claims: object][] = [
  ['without jti and iat', { iat: undefined, jti: undefined }],
  ['that lives a year', { exp: now + 31_536_000 }],
  ['for two audiences', { aud: ['x', AUDIENCE] }],
  ['for the second audience', { aud: 'another audience' }],
  ['with fractions of seconds', { exp: now + 60.5, iat: now - 0.5 }],
];
for (const [description, claims] of acceptedClaims)
  test(`a token ${description} is accepted`, async () => {
    assert.equal(await list(await provider.forge({ claims: { ...buyer, ...claims } })), ACCEPTED);
  });

const pem = (key: SigningKey) => key.publicKey.export({ format: 'pem', type: 'spki' });
/** A token with a MAC whose secret is a public key. */
const confused = (secret: string | Buffer, kid: string) => {
  const text = `${encode({ alg: 'HS256', typ: 'JWT', kid })}.${encode({ iss: provider.issuer, aud: AUDIENCE, exp: now + 600, ...buyer })}`;
  return `${text}.${createHmac('sha256', secret).update(text).digest('base64url')}`;
};
const withClaims = (claims: object) => () => provider.forge({ claims: { ...buyer, ...claims } });
const withHeader =
  (header: object, key = rs) =>
  () =>
    provider.forge({ key, header: { ...header }, claims: buyer });
const own = createTokenIssuer(config.jwtSecret, 600);

const forged: [description: string, token: () => Promise<string> | string][] = [
  ['of another issuer', withClaims({ iss: 'https://other.example' })],
  ['whose issuer has one more slash', withClaims({ iss: `${provider.issuer}/` })],
  ['without an issuer', withClaims({ iss: undefined })],
  ['for another audience', withClaims({ aud: 'other' })],
  ['without an audience', withClaims({ aud: undefined })],
  ['for a part of the audience', withClaims({ aud: 'https://seckill' })],
  ['without an expiry', withClaims({ exp: undefined })],
  ['with a text as its expiry', withClaims({ exp: String(now + 600) })],
  ['that expires in 1e30 s', withClaims({ exp: 1e30 })],
  ['that becomes valid later', withClaims({ nbf: now + 300 })],
  ['that was issued in the future', withClaims({ iat: now + 300 })],
  ['without a subject', withClaims({ sub: undefined })],
  ['with an empty subject', withClaims({ sub: '' })],
  ['with a number as its subject', withClaims({ sub: 7 })],
  ['with a list as its subject', withClaims({ sub: ['bob'] })],
  ['whose subject has 256 characters', withClaims({ sub: 'x'.repeat(256) })],
  ['whose subject has half of a surrogate pair', withClaims({ sub: 'a\ud800' })],
  ['without a kind', withClaims({ roles: undefined })],
  ['of another kind', withClaims({ roles: ['admin', 7, null] })],
  ['whose kind is inherited by every object', withClaims({ roles: { buyer: true } })],
  ['with crit', withHeader({ crit: ['b64'], b64: true })],
  ['of the type of a log-out token', withHeader({ typ: 'logout+jwt' })],
  ['of an unknown type', withHeader({ typ: 'secevent+jwt' })],
  ['with the kid of another key', withHeader({ kid: es.kid })],
  ['with RS512', withHeader({ alg: 'RS512' })],
  ['with PS256', withHeader({ alg: 'PS256' })],
  [
    'of an unknown key with a known kid',
    () => provider.forge({ key: { ...createKey('RS256'), kid: rs.kid }, claims: buyer }),
  ],
  [
    'of an unknown key that stands in its header',
    () => {
      const key = createKey('ES256');
      return provider.forge({
        key: { ...key, kid: es.kid },
        header: { jwk: key.publicKey.export({ format: 'jwk' }) },
        claims: buyer,
      });
    },
  ],
  [
    'with the algorithm none',
    () =>
      `${encode({ alg: 'none', kid: rs.kid })}.${encode({ iss: provider.issuer, aud: AUDIENCE, exp: now + 600, ...buyer })}.`,
  ],
  ['without a signature', async () => (await provider.forge({ claims: buyer })).replace(/[^.]+$/, '')],
  [
    'with the signature of another token',
    async () =>
      `${(await provider.forge({ claims: { ...buyer, sub: 'eve' } })).replace(/[^.]+$/, '')}${(await provider.forge({ claims: buyer })).split('.')[2]}`,
  ],
  ...[rs, es, ed].flatMap((key): [string, () => string][] => [
    [`with HS256 and the public key of ${key.alg} as its secret`, () => confused(pem(key), key.kid)],
    [
      `with HS256 and the bytes of the public key of ${key.alg}`,
      () => confused(key.publicKey.export({ format: 'der', type: 'spki' }), key.kid),
    ],
  ]),
  ['of this server, without local accounts', () => own('bob', 'customer')],
  ['with three dots', () => `${encode({ alg: 'RS256', kid: rs.kid })}...`],
  ['with a list as its claims', () => `${encode({ alg: 'RS256', kid: rs.kid })}.${encode([])}.${encode('x')}`],
];
for (const [description, make] of forged) {
  test(`a token ${description} gets 401 "Not Authorized.", the second time too`, async () => {
    const token = await make();

    assert.equal([await list(token), await list(`Bearer ${token}`)], [REFUSED, REFUSED]);
  });
}

test('an expired token gets 401 "Authorization has expired."', async () => {
  assert.equal(await list(await provider.forge({ claims: { ...buyer, iat: now - 60, exp: now - 1 } })), EXPIRED);
  assert.equal(await list(await provider.forge({ key: ed, claims: { ...buyer, exp: 0 } })), EXPIRED);
});

test('an expired token with a wrong signature does not say that it has expired', async () => {
  const token = await provider.forge({ claims: { ...buyer, exp: now - 1 } });

  assert.equal(await list(`${token.slice(0, -20)}${'A'.repeat(20)}`), REFUSED);
});

test('the kind in the token decides what its user may do', async () => {
  const seller = await provider.issue({ sub: 'ann', claims: { roles: ['buyer', 'shop-admin'] } });
  const customer = await provider.issue({ sub: 'ann', claims: { roles: 'buyer' } });
  const coupon = { name: 'sea', amount: 1, description: '', stock: 1 };

  assert.is((await client.create(customer, 'ann', coupon)).status, 401);
  assert.is((await client.create(seller, 'ann', coupon)).status, 201);
  assert.is((await client.grab(seller, 'ann', 'sea')).status, 401);
  assert.is((await client.grab(customer, 'ann', 'sea')).status, 201);
});

test('after a log-out the token is refused, with another signature of the same content too', async () => {
  const claims = { sub: 'leaver', roles: 'buyer' };
  const [token, again] = [
    await provider.forge({ key: es, claims: { ...claims, iat: now, exp: now + 600 } }),
    await provider.forge({ key: es, claims: { ...claims, iat: now, exp: now + 600 } }),
  ];
  assert.is.not(token, again);
  assert.equal([await list(token, 'leaver'), await list(again, 'leaver')], [ACCEPTED, ACCEPTED]);

  assert.is((await client.send('POST', '/api/auth/logout', { token })).status, 200);

  assert.equal([await list(token, 'leaver'), await list(again, 'leaver')], [REFUSED, REFUSED]);
  assert.equal(await list(await provider.issue({ sub: 'leaver', claims: { roles: 'vip' } }), 'leaver'), ACCEPTED);
});

test('a flood of unknown keys ends no valid token, and reaches the provider once in five seconds at most', async () => {
  const before = provider.keyRequests();
  const started = performance.now();
  const statuses = await Promise.all(
    Array.from({ length: 300 }, async (_, i) => {
      const unknown = await provider.forge({ header: { kid: `unknown-${i}` }, claims: buyer });
      const valid = i % 100 === 0 ? await provider.forge({ claims: { ...buyer, n: i } }) : undefined;
      return [(await list(unknown)).status, valid === undefined ? 204 : (await list(valid)).status];
    }),
  );
  const fetches = provider.keyRequests() - before;

  assert.ok(statuses.every(([unknown]) => unknown === 401 || unknown === 503));
  assert.ok(statuses.every(([, valid]) => valid === 204));
  assert.ok(fetches <= 1 + (performance.now() - started) / 5_000, `${fetches} fetches`);
});

test('while the port of the provider is closed, its tokens are still accepted, and unknown keys get 503', async () => {
  const token = await provider.issue({ sub: 'bob', claims: { roles: 'buyer' } });
  const unknown = await provider.forge({ header: { kid: 'unknown' }, claims: buyer });
  await provider.stop();

  assert.equal(await list(token), ACCEPTED);
  const { status, headers } = await client.list(unknown, 'bob');
  assert.is(status, 503);
  assert.ok(Number(headers.get('retry-after')) >= 1);
});

test.after(async () => {
  await close();
  await provider.stop();
});
test.run();
