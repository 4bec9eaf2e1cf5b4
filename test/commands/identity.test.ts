import jsonwebtoken from 'jsonwebtoken';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { logIn } from '../../src/commands/logIn.ts';
import { logOut } from '../../src/commands/logOut.ts';
import { registerUser } from '../../src/commands/registerUser.ts';
import { keys } from '../../src/infra/keys.ts';
import { createPasswords } from '../../src/infra/passwords.ts';
import { createLog } from '../../src/infra/telemetry/log.ts';
import { openSystem } from '../../src/system.ts';
import { openTestSystem } from '../support/testSystem.ts';

const { system, config, close } = await openTestSystem();
const test = suite('identity');
const bob = { username: 'bob', password: 'correct horse', kind: 'customer' } as const;

test('a new user is registered, and the view knows their kind', async () => {
  assert.is(await registerUser(system, bob), 'registered');
  assert.is(await system.redis.get(keys.userView('bob')), 'customer');
});

test('a name is taken once, whatever the kind', async () => {
  assert.is(await registerUser(system, { ...bob, kind: 'seller' }), 'username-taken');
  assert.is(await system.redis.get(keys.userView('bob')), 'customer');
});

test('bob, Bob and bób are three users', async () => {
  assert.is(await registerUser(system, { ...bob, username: 'Bob' }), 'registered');
  assert.is(await registerUser(system, { ...bob, username: 'bób' }), 'registered');
});

test('the password is kept as an argon2id hash of the set cost', async () => {
  const { password_hash } = await system.mysql('users').where({ username: 'bob' }).first();
  assert.match(password_hash, /^\$argon2id\$v=19\$m=8,t=1,p=1\$/);
});

test('the right password gets a token with subject, kind, id and expiry', async () => {
  const result = await logIn(system, bob);
  if (result === 'wrong-credentials') return assert.unreachable();
  assert.is(result.kind, 'customer');
  const claims = jsonwebtoken.decode(result.token, { json: true });
  assert.is(claims?.sub, 'bob');
  assert.type(claims?.jti, 'string');
  assert.is((claims?.exp ?? 0) - (claims?.iat ?? 0), config.tokenTtlSeconds);
});

test('a wrong password and an unknown user look alike', async () => {
  assert.is(await logIn(system, { ...bob, password: 'wrong horse' }), 'wrong-credentials');
  assert.is(await logIn(system, { ...bob, username: 'nobody' }), 'wrong-credentials');
});

test('without a hash to compare with, a password takes as long as with one', async () => {
  // Given a cost that is far above every other one. Medians of several, and a wide margin: it is either a hash or nothing.
  const passwords = await createPasswords({ memoryCost: 16_384, timeCost: 2 });
  const stored = await passwords.hash('correct horse');
  const median = async (hash: string | undefined) => {
    const times: number[] = [];
    for (let i = 0; i < 7; i++) {
      const started = performance.now();
      assert.not(await passwords.matches(hash, 'wrong horse'));
      times.push(performance.now() - started);
    }
    return times.sort((a, b) => a - b)[3] ?? 0;
  };
  const ratio = (await median(undefined)) / (await median(stored));
  assert.ok(ratio > 0.2, `ratio ${ratio}`);
});

test('logging in mends a view that lacks the user', async () => {
  await system.redis.del(keys.userView('bob'));
  await logIn(system, bob);
  assert.is(await system.redis.get(keys.userView('bob')), 'customer');
});

test('a log-out is known to another process when it is answered, and to one that starts later', async () => {
  const log = createLog(config.logLevel);
  const other = await openSystem(config, log);
  const claims = { sub: 'bob', kind: 'customer', exp: Math.floor(Date.now() / 1_000) + 60 } as const;
  for (let round = 0; round < 50; round++) {
    const jti = `token-${round}`;
    await logOut(system, { ...claims, jti });
    assert.ok(system.revocations.isRevoked(jti));
    assert.ok(other.system.revocations.isRevoked(jti));
  }
  await other.close();
  const later = await openSystem(config, log);
  assert.ok(later.system.revocations.isRevoked('token-49'));
  assert.not(later.system.revocations.isRevoked('token-50'));
  await later.close();
});

test('of two log-outs with one token at once, neither fails', async () => {
  const claims = { sub: 'bob', kind: 'customer', jti: 'double', exp: Math.floor(Date.now() / 1_000) + 60 } as const;
  await Promise.all([logOut(system, claims), logOut(system, claims)]);
  assert.ok(system.revocations.isRevoked('double'));
});

test('a log-out without a token does nothing', async () => {
  await logOut(system, undefined);
  assert.is((await system.mysql('revoked_tokens').where('jti', '')).length, 0);
});

test.after(close);
test.run();
