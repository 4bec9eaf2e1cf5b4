import { hash } from '@node-rs/argon2';
import jsonwebtoken from 'jsonwebtoken';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { logIn } from '../../src/commands/users/logIn.ts';
import { logOut } from '../../src/commands/users/logOut.ts';
import { registerUser } from '../../src/commands/users/registerUser.ts';
import { keys } from '../../src/infra/keys.ts';
import { openPasswords } from '../../src/infra/passwords/passwords.ts';
import { createLog } from '../../src/infra/telemetry/log.ts';
import { openSystem } from '../../src/system.ts';
import { customer, givenCoupon, grabOutcome, openTestSystem, settled } from '../support/testSystem.ts';

const { system, config, close } = await openTestSystem();
const test = suite('identity');
const address = '192.0.2.1';
const bob = { username: 'bob', password: 'correct horse', kind: 'customer', address } as const;

// The tests build on each other: the first one registers the customer bob.

test('registering a new user writes the kind of the user to the view', async () => {
  const outcome = await registerUser(system, bob);

  assert.is(outcome, 'registered');
  assert.is(await system.redis.get(keys.userView('bob')), 'customer');
});

test('a username that a customer has cannot be registered for a seller', async () => {
  const outcome = await registerUser(system, { ...bob, kind: 'seller' });

  assert.is(outcome, 'username-taken');
  assert.is(await system.redis.get(keys.userView('bob')), 'customer');
});

test('bob, Bob and bób are three users', async () => {
  assert.is(await registerUser(system, { ...bob, username: 'Bob' }), 'registered');
  assert.is(await registerUser(system, { ...bob, username: 'bób' }), 'registered');
});

test('MySQL stores the password as an argon2id hash with the configured cost', async () => {
  const { password_hash } = await system.mysql('users').where({ username: 'bob' }).first();

  assert.match(password_hash, /^\$argon2id\$v=19\$m=8,t=1,p=1\$/);
});

test('logging in with the right password returns a token with subject, kind, id and expiry', async () => {
  const result = await logIn(system, bob);

  if (result === 'wrong-credentials' || result.type === 'limited') return assert.unreachable();
  assert.is(result.kind, 'customer');
  const claims = jsonwebtoken.decode(result.token, { json: true });
  assert.is(claims?.sub, 'bob');
  assert.type(claims?.jti, 'string');
  assert.is((claims?.exp ?? 0) - (claims?.iat ?? 0), config.tokenTtlSeconds);
});

test('a wrong password and an unknown user get the same refusal', async () => {
  assert.is(await logIn(system, { ...bob, password: 'wrong horse' }), 'wrong-credentials');
  assert.is(await logIn(system, { ...bob, username: 'nobody' }), 'wrong-credentials');
});

test('checking a password for an unknown user costs as much as for a known user', async () => {
  // The cost is read and not timed: on a busy machine, durations differ by chance. `npm run test:security` times whole log-ins.
  const costs: string[] = [];
  const onVerify = (passwordHash: string) => void costs.push(passwordHash.split('$').slice(1, 4).join(' '));
  const { passwords, close: closePasswords } = await openPasswords({ memoryCost: 16, timeCost: 2 }, { onVerify });
  const stored = await passwords.hash('correct horse', address);

  await passwords.matches(stored, 'wrong horse', address);
  await passwords.matches(undefined, 'wrong horse', address);

  await closePasswords();
  assert.equal(costs, ['argon2id v=19 m=16,t=2,p=1', 'argon2id v=19 m=16,t=2,p=1']);
});

const nfc = 'zoë';
const nfd = nfc.normalize('NFD');
const zoe = { username: 'pia', password: `${nfc} at home`, kind: 'customer', address } as const;

test('a password is right in each of its Unicode forms, and with each kind of space', async () => {
  await registerUser(system, zoe);
  for (const password of [`${nfc} at home`, `${nfd} at home`, `${nfd}\u00a0at\u3000home`])
    assert.is.not(await logIn(system, { ...zoe, password }), 'wrong-credentials', JSON.stringify(password));
  assert.is(await logIn(system, { ...zoe, password: 'zoe at home' }), 'wrong-credentials');
});

test('a password that was hashed without preparation is still right, and its hash is renewed', async () => {
  // Given a user who registered before passwords were prepared.
  const raw = `${nfd} at home`;
  await registerUser(system, { ...zoe, username: 'old' });
  const password_hash = await hash(raw, { memoryCost: 8, timeCost: 1, parallelism: 1 });
  await system.mysql('users').where({ username: 'old' }).update({ password_hash });
  const as = (password: string) => logIn(system, { username: 'old', password, address });
  assert.is(await as(`${nfc} at home`), 'wrong-credentials');
  // When the user logs in with the password as it was registered.
  assert.is.not(await as(raw), 'wrong-credentials');
  // Then every form of it is right.
  assert.is.not(await as(`${nfc} at home`), 'wrong-credentials');
  assert.is.not(await as(raw), 'wrong-credentials');
});

test('the same password takes the same number of hashes, whether it is right, wrong, or the user is unknown', async () => {
  let hashes = 0;
  const onVerify = () => {
    hashes++;
  };
  const { passwords, close: closePasswords } = await openPasswords({ memoryCost: 8, timeCost: 1 }, { onVerify });
  const prepared = await passwords.hash(nfc, address);
  const raw = await hash(nfd, { memoryCost: 8, timeCost: 1, parallelism: 1 });
  for (const [password, expected] of [
    [nfd, 2],
    [nfc, 1],
  ] as const) {
    for (const passwordHash of [prepared, raw, undefined]) {
      hashes = 0;
      await passwords.matches(passwordHash, password, address);
      assert.is(hashes, expected);
    }
  }
  await closePasswords();
});

test('of two names that differ only by normalization, the first is registered', async () => {
  assert.is(await registerUser(system, { ...bob, username: nfd }), 'registered');
  assert.is(await registerUser(system, { ...bob, username: nfc }), 'username-taken');
  assert.is(await logIn(system, { ...bob, username: nfc }), 'wrong-credentials');
});

test('of many registrations of look-alike names at once, one is registered and none fails', async () => {
  const names = Array.from({ length: 12 }, (_, i) => 'Ångström'.normalize(i % 2 === 0 ? 'NFC' : 'NFD'));
  const results = await Promise.all(names.map((username) => registerUser(system, { ...bob, username })));
  assert.is(results.filter((result) => result === 'registered').length, 1);
  assert.is(results.filter((result) => result === 'username-taken').length, 11);
  const looksAlike = (name: Buffer) => name.toString().normalize('NFC') === 'Ångström'.normalize('NFC');
  const users: { username: Buffer }[] = await system.mysql('users').select('username');
  assert.is(users.filter(({ username }) => looksAlike(username)).length, 1);
});

test('a name that the log holds without an account cannot be registered', async () => {
  // Given a log from elsewhere: the users of its seller and its customer were not imported.
  await givenCoupon(system, 'the-seller', 'spring', 3);
  await grabOutcome(system, customer('the-bóss'), { seller: 'the-seller', name: 'spring', idempotencyKey: '' });
  await settled(system);
  for (const username of ['the-seller', 'the-bóss', 'the-bóss'.normalize('NFD')])
    assert.is(await registerUser(system, { ...bob, username }), 'username-taken', username);
  assert.is(await system.redis.get(keys.userView('the-seller')), null);

  // When the owner is restored into `users`, then the owner logs in as before.
  await system.mysql('users').insert({
    username: 'the-bóss',
    kind: 'customer',
    password_hash: await system.passwords.hash('secret', address),
  });
  assert.is.not(await logIn(system, { username: 'the-bóss', password: 'secret', address }), 'wrong-credentials');
});

test('logging in adds the user to a view that lacks the user', async () => {
  await system.redis.del(keys.userView('bob'));

  await logIn(system, bob);

  assert.is(await system.redis.get(keys.userView('bob')), 'customer');
});

test('when a log-out is answered, every other process refuses the token, and so does a process that starts later', async () => {
  const log = createLog(config.logLevel);
  const other = await openSystem(config, log);
  const claims = { sub: 'bob', kind: 'customer', exp: Math.floor(Date.now() / 1_000) + 60 } as const;
  for (let round = 0; round < 50; round++) {
    const jti = `token-${round}`;
    await logOut(system, { ...claims, jti });
    assert.ok(system.revocations.isRevoked({ ...claims, jti }));
    assert.ok(other.system.revocations.isRevoked({ ...claims, jti }));
  }
  await other.close();
  const later = await openSystem(config, log);
  assert.ok(later.system.revocations.isRevoked({ ...claims, jti: 'token-49' }));
  assert.not(later.system.revocations.isRevoked({ ...claims, jti: 'token-50' }));
  await later.close();
});

test('two simultaneous log-outs with the same token both succeed', async () => {
  const claims = { sub: 'bob', kind: 'customer', jti: 'double', exp: Math.floor(Date.now() / 1_000) + 60 } as const;

  await Promise.all([logOut(system, claims), logOut(system, claims)]);

  assert.ok(system.revocations.isRevoked(claims));
});

test('a log-out without a token revokes nothing', async () => {
  await logOut(system, undefined);

  assert.is((await system.mysql('revoked_tokens').where('jti', '')).length, 0);
});

test.after(close);
test.run();
