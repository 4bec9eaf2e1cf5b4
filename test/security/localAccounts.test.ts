import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { readConfig, type ServerConfig } from '../../src/config.ts';
import type { Closer } from '../../src/infra/closers.ts';
import { createLog } from '../../src/infra/telemetry/log.ts';
import { OperatorError } from '../../src/operatorError.ts';
import { openServer } from '../../src/server.ts';
import { createClient } from '../support/httpClient.ts';
import { AUDIENCE, openIdentityProvider } from '../support/identityProvider.ts';
import { openTestStores } from '../support/testStores.ts';

// Local accounts and users of an identity provider on the same stores: no user ever becomes another one.

const provider = await openIdentityProvider();
const stores = await openTestStores({
  AUTH_ISSUER: provider.issuer,
  AUTH_AUDIENCE: AUDIENCE,
  AUTH_KIND_CLAIM: 'kind',
});
/** Closed at the end, so that a failed test ends too. */
const opened = new Set<Closer>();
const open = async (more: NodeJS.ProcessEnv = {}) => {
  const { url, close } = await openServer(
    readConfig({ ...stores.environment, ...more }) as ServerConfig,
    createLog('silent'),
  );
  opened.add(close);
  const closeNow = () => {
    opened.delete(close);
    return close();
  };
  return { client: createClient(url), close: closeNow };
};
const both = await open();
const { client } = both;
const test = suite('local accounts beside an identity provider');
const tokenOf = (sub: string, kind = 'customer') => provider.issue({ sub, claims: { kind } });
const ann = await client.enter('ann', 'seller');
const bob = await client.enter('bob', 'customer');
const coupon = { amount: 5, stock: 1, description: '' };

test('a subject with the name of a local account is another user, whose name has the prefix', async () => {
  const foreign = await tokenOf('bob');
  await client.create(ann, 'ann', { name: 'sea', ...coupon });
  assert.is((await client.grab(bob, 'ann', 'sea')).status, 201);

  assert.is((await client.list(foreign, 'bob')).status, 401);
  assert.is((await client.list(foreign, 'oidc:bob')).status, 204);
  assert.is((await client.send('DELETE', '/api/users/bob/coupons/ann/sea', { token: foreign })).status, 401);
  assert.is((await client.grab(foreign, 'ann', 'sea')).status, 201);
  assert.is((await client.list(bob, 'oidc:bob')).status, 400);
});

test('a subject with the name of a local seller cannot sell in the name of the seller', async () => {
  const foreign = await tokenOf('ann', 'seller');

  assert.is((await client.create(foreign, 'ann', { name: 'forged', ...coupon })).status, 401);
  assert.is((await client.create(foreign, 'oidc:ann', { name: 'own', ...coupon })).status, 201);
  assert.is((await client.list(bob, 'oidc:ann')).status, 200);
});

test('no account can be registered with the name of a user of the provider', async () => {
  const answer = await client.register('oidc:bob', 'customer');

  assert.equal([answer.status, answer.body?.errMsg], [400, 'User name has unsupported characters.']);
});

test('a user of the provider cannot change the password of the account with the same name', async () => {
  const json = { password: 'secret', newPassword: 'stolen!' };

  const answer = await client.send('POST', '/api/auth/password', { token: await tokenOf('bob'), json });

  assert.is(answer.status, 403);
  assert.is((await client.send('POST', '/api/auth', { json: { username: 'bob', password: 'secret' } })).status, 200);
});

test('without local accounts, registration, log-in and the change of a password are 404, and a log-out works', async () => {
  const alone = await open({ LOCAL_ACCOUNTS: '0', AUTH_NAME_PREFIX: 'oidc:' });
  const token = await tokenOf('zoe');
  const json = { username: 'new', password: 'secret', kind: 'customer', newPassword: 'secret2' };
  const routes = ['/api/users', '/api/auth', '/api/auth/password'];
  const answers = await Promise.all(routes.map((path) => alone.client.send('POST', path, { token, json })));

  assert.equal(
    answers.map(({ status, body }) => [status, body]),
    Array(3).fill([404, { errMsg: 'Not Found.' }]),
  );
  assert.is((await alone.client.list(bob, 'bob')).status, 401, 'a token of a local account');
  assert.is((await alone.client.list(await tokenOf('bob'), 'oidc:bob')).status, 200, 'the same user as before');
  assert.is((await alone.client.list(token, 'oidc:zoe')).status, 204);
  assert.is((await alone.client.send('POST', '/api/auth/logout', { token })).status, 200);
  assert.is((await alone.client.list(token, 'oidc:zoe')).status, 401);
  assert.is((await client.list(token, 'oidc:zoe')).status, 401, 'at another process');
  await alone.close();
});

test('a start without a prefix is refused while accounts exist, because subjects could have their names', async () => {
  const error = await open({ LOCAL_ACCOUNTS: '0' }).catch((reason) => reason);

  assert.instance(error, OperatorError);
  assert.match(error.message, 'LOCAL_ACCOUNTS: the table users has accounts');
});

test('a start is refused when accounts have names that begin with the prefix', async () => {
  const settings = { LOCAL_ACCOUNTS: '0', AUTH_NAME_PREFIX: 'b' };

  const error = await open(settings).catch((reason) => reason);

  assert.instance(error, OperatorError);
  assert.match(error.message, 'AUTH_NAME_PREFIX: the table users has accounts whose names begin with "b"');
});

const refused: [settings: NodeJS.ProcessEnv, message: string][] = [
  [{ LOCAL_ACCOUNTS: '0' }, 'AUTH_ISSUER: required with LOCAL_ACCOUNTS=0'],
  [{ AUTH_JWKS_URL: 'https://idp.example/keys' }, 'AUTH_ISSUER: required with AUTH_JWKS_URL'],
  [{ AUTH_ISSUER: 'https://idp.example' }, 'AUTH_AUDIENCE: required with AUTH_ISSUER'],
  [{ AUTH_ISSUER: 'http://idp.example', AUTH_AUDIENCE: 'a' }, 'AUTH_ISSUER: expected a URL that begins with https://'],
  [{ AUTH_ISSUER: 'https://idp.example?x', AUTH_AUDIENCE: 'a' }, 'AUTH_ISSUER: expected a URL'],
  [{ AUTH_ALGORITHMS: 'RS256,HS256' }, 'AUTH_ALGORITHMS: expected some of RS256, ES256, EdDSA'],
  [{ AUTH_ALGORITHMS: 'none' }, 'AUTH_ALGORITHMS: expected some of RS256, ES256, EdDSA'],
  [
    { AUTH_ISSUER: 'https://idp.example', AUTH_AUDIENCE: 'a', AUTH_NAME_PREFIX: 'shop-' },
    'AUTH_NAME_PREFIX: local accounts may begin with "shop-"',
  ],
  [
    { AUTH_ISSUER: 'https://idp.example', AUTH_AUDIENCE: 'a', AUTH_NAME_PREFIX: 'p\u00e4:' },
    'AUTH_NAME_PREFIX: expected 1 to 32 printable ASCII characters',
  ],
  [
    { AUTH_ISSUER: 'https://idp.example', AUTH_AUDIENCE: 'a', LOCAL_ACCOUNTS: '0', ALLOW_REHEARSAL: '1' },
    'ALLOW_REHEARSAL: not with LOCAL_ACCOUNTS=0',
  ],
];
for (const [settings, message] of refused) {
  test(`the settings ${JSON.stringify(settings)} are refused`, () => {
    assert.throws(
      () => readConfig(settings),
      (error: Error) => error instanceof OperatorError && error.message.startsWith(message),
    );
  });
}

test.after(async () => {
  for (const close of opened) await close();
  await stores.close();
  await provider.stop();
});
test.run();
