import jsonwebtoken from 'jsonwebtoken';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { openTestServer } from '../support/testServer.ts';

const { client, config, close } = await openTestServer();
const test = suite('the contract: users and sessions');
const good = { username: 'x', password: 'secret', kind: 'customer' };
const list = (authorization?: string) =>
  client.send('GET', '/api/users/bob/coupons', authorization === undefined ? {} : { token: authorization });
const bob = await client.enter('bob', 'customer');

const refused: [given: object, errMsg: string][] = [
  [{ ...good, username: '' }, 'User name too short.'],
  [{ password: '', kind: '' }, 'User name too short.'],
  [{ ...good, username: null }, 'User name too short.'],
  [{ ...good, password: '12345' }, 'Password too short.'],
  [{ username: 'x', kind: 'king' }, 'Password too short.'],
  [{ ...good, password: '密密密密密' }, 'Password too short.'],
  [{ username: 'x', password: 'secret' }, 'Empty field of kind.'],
  [{ ...good, kind: '' }, 'Empty field of kind.'],
  [{ ...good, kind: 'king' }, 'Unexpected value of kind, king'],
  [{ ...good, kind: 'Customer' }, 'Unexpected value of kind, Customer'],
  [{ ...good, kind: 5 }, 'Unexpected value of kind, 5'],
  [{ ...good, kind: { toString: 1 } }, 'Unexpected value of kind, {"toString":1}'],
  [{ ...good, kind: ['customer'] }, 'Unexpected value of kind, ["customer"]'],
  [{ ...good, username: 'bob' }, 'Insert user failed. Maybe user name duplicates.'],
  [{ ...good, username: 'a b' }, 'User name has unsupported characters.'],
  [{ ...good, username: 'a/b' }, 'User name has unsupported characters.'],
  [{ ...good, username: 'a\u0000b' }, 'User name has unsupported characters.'],
  [{ ...good, username: '\ud800' }, 'User name has unsupported characters.'],
  [{ ...good, username: '😀' }, 'User name has unsupported characters.'],
  [{ ...good, username: 'x'.repeat(65) }, 'User name too long.'],
];
for (const [json, errMsg] of refused) {
  test(`registering ${JSON.stringify(json).slice(0, 70)} gets 400 "${errMsg}"`, async () => {
    const answer = await client.send('POST', '/api/users', { json });

    assert.is(answer.status, 400);
    assert.equal(answer.body, { errMsg });
  });
}

test('a field that is not a string gets 400', async () => {
  for (const json of [
    { ...good, username: 7 },
    { ...good, password: ['secret'] },
    { ...good, kind: {} },
  ]) {
    assert.is((await client.send('POST', '/api/users', { json })).status, 400);
  }
});

const accepted = ['.', '_-@.', 'x'.repeat(64), '王小明', 'Ελένη', 'हिन्दी', '٣', 'Bob', 'bób', '𠮷'.repeat(64)];
for (const username of accepted) {
  test(`${username.slice(0, 20)} is accepted as a username`, async () => {
    const answer = await client.register(username, 'customer');

    assert.is(answer.status, 201);
    assert.equal(answer.body, { errMsg: '' });
  });
}

test('a user registered with the older spelling "saler" is a seller', async () => {
  await client.send('POST', '/api/users', { json: { ...good, username: 'old', kind: 'saler' } });

  const { body } = await client.send('POST', '/api/auth', { json: { username: 'old', password: 'secret' } });

  assert.equal(body, { kind: 'seller', errMsg: '' });
});

test('the answer to a log-in has the kind in the body and the token in the header Authorization', async () => {
  const { status, body, headers } = await client.send('POST', '/api/auth', {
    json: { username: 'bob', password: 'secret' },
  });

  assert.is(status, 200);
  assert.equal(body, { kind: 'customer', errMsg: '' });
  assert.match(headers.get('authorization') ?? '', /^eyJ/);
});

const wrongLogIns = [
  { username: 'bob', password: 'wrong password' },
  { username: 'nobody', password: 'secret' },
  { username: 'BOB', password: 'secret' },
  { username: 'bob' },
  { username: 7, password: { x: 1 } },
  {},
];
for (const json of wrongLogIns) {
  test(`logging in with ${JSON.stringify(json)} gets the 401 of every failed log-in`, async () => {
    const { status, body, headers } = await client.send('POST', '/api/auth', { json });

    assert.is(status, 401);
    assert.equal(body, { kind: '', errMsg: 'Wrong username or password.' });
    assert.is(headers.get('authorization'), null);
  });
}

test('a token is accepted bare and after Bearer', async () => {
  for (const authorization of [bob, `Bearer ${bob}`, `bearer ${bob}`])
    assert.is((await list(authorization)).status, 204);
});

const claims = { kind: 'customer' };
const sign = (secret: string, options: jsonwebtoken.SignOptions, payload: object = claims) =>
  jsonwebtoken.sign(payload, secret, {
    issuer: 'seckill',
    audience: 'seckill',
    subject: 'bob',
    jwtid: 'id',
    expiresIn: 60,
    ...options,
  });
const unsigned = [{ alg: 'none' }, { ...claims, sub: 'bob' }].map((part) =>
  Buffer.from(JSON.stringify(part)).toString('base64url'),
);
const badTokens: [description: string, authorization: string | undefined][] = [
  ['without a token', undefined],
  ['with an empty token', ''],
  ['with Bearer and no token', 'Bearer'],
  ['with another authentication scheme', 'Basic Ym9iOnNlY3JldA=='],
  ['with a changed signature', `${bob.slice(0, -5)}AAAAA`],
  ['with a token signed with another secret', sign('another secret that is long enough', {})],
  ['with a token signed with another algorithm', sign(config.jwtSecret, { algorithm: 'HS512' })],
  ['with an unsigned token', `${unsigned.join('.')}.`],
  ['with a token of another issuer', sign(config.jwtSecret, { issuer: 'somebody' })],
  ['with a token for another audience', sign(config.jwtSecret, { audience: 'somebody' })],
  ['with a token of an unknown kind', sign(config.jwtSecret, {}, { kind: 'king' })],
];
for (const [description, authorization] of badTokens) {
  test(`a request ${description} gets 401 "Not Authorized."`, async () => {
    const { status, body } = await list(authorization);

    assert.is(status, 401);
    assert.equal(body, { errMsg: 'Not Authorized.' });
  });
}

test('a token without exp or without jti gets 401', async () => {
  const common = { issuer: 'seckill', audience: 'seckill', subject: 'bob' };

  assert.is((await list(jsonwebtoken.sign(claims, config.jwtSecret, { ...common, jwtid: 'id' }))).status, 401);
  assert.is((await list(jsonwebtoken.sign(claims, config.jwtSecret, { ...common, expiresIn: 60 }))).status, 401);
});

test('an expired token gets 401 "Authorization has expired."', async () => {
  const { status, body } = await list(sign(config.jwtSecret, { expiresIn: -1 }));

  assert.is(status, 401);
  assert.equal(body, { errMsg: 'Authorization has expired.' });
});

test('logging out revokes the token of the request and no other token of the user', async () => {
  const token = await client.enter('eve', 'customer');
  const { headers } = await client.send('POST', '/api/auth', { json: { username: 'eve', password: 'secret' } });

  const { status, body } = await client.send('POST', '/api/auth/logout', { token });

  assert.is(status, 200);
  assert.equal(body, { errMsg: 'log out.' });
  assert.equal((await client.list(token, 'eve')).body, { errMsg: 'Not Authorized.' });
  assert.is((await client.list(headers.get('authorization') ?? '', 'eve')).status, 204);
});

test('logging out without a token, with an invalid token or with a revoked token gets 200 as well', async () => {
  const token = await client.enter('zoe', 'customer');
  for (const options of [{}, { token: 'nonsense' }, { token }, { token }]) {
    assert.is((await client.send('POST', '/api/auth/logout', options)).status, 200);
  }
});

test.after(close);
test.run();
