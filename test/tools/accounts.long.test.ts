import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { keys } from '../../src/infra/keys.ts';
import { connectMysql } from '../../src/infra/stores/mysql.ts';
import { openRedis } from '../../src/infra/stores/redis.ts';
import { createLog } from '../../src/infra/telemetry/log.ts';
import { createClient } from '../support/httpClient.ts';
import { endPrograms, startProgram, startServer } from '../support/program.ts';
import { openTestStores } from '../support/testStores.ts';

const { environment, config, close } = await openTestStores();
const { mysql, close: closeMysql } = connectMysql(config.mysqlUrl, 2);
const { redis, close: closeRedis } = await openRedis(config.redisUrl, createLog('silent'));
const test = suite('npm run accounts');
const accounts = (...args: string[]) => startProgram('src/tools/accounts.ts', environment, args).ended;

test('an erased account cannot be used or registered again, and its pieces stay', async () => {
  // Given two servers, and a customer who holds a piece.
  const servers = [startServer(environment), startServer(environment)];
  const [first, second] = await Promise.all(servers.map(async (server) => createClient(await server.listening)));
  if (first === undefined || second === undefined) throw new Error('no servers');
  const [ann, bob] = [await first.enter('ann', 'seller'), await first.enter('bób', 'customer')];
  const eve = await first.enter('eve', 'customer');
  await first.create(ann, 'ann', { name: 'sea', amount: 3, stock: 5 });
  assert.is((await first.grab(bob, 'ann', 'sea')).status, 201);
  const [before] = await mysql('users').where({ username: 'bób' });
  assert.is(await redis.exists(keys.knownAddresses('bób')), 1);

  const { status, stdout, stderr } = await accounts('erase', 'bób');

  assert.is(status, 0, stderr);
  assert.match(stdout, /^bób: log-in is impossible from now on, all tokens are revoked, and the name stays taken$/m);
  for (const client of [first, second]) {
    assert.is((await client.list(bob, 'bób')).status, 401, 'the token is revoked on every process');
    const logIn = await client.send('POST', '/api/auth', { json: { username: 'bób', password: 'secret' } });
    assert.equal([logIn.status, logIn.body?.errMsg], [401, 'Wrong username or password.']);
    // Composed and decomposed forms look alike.
    for (const name of ['bób', 'bób'.normalize('NFD')])
      assert.is(
        (await client.register(name, 'customer')).body?.errMsg,
        'Insert user failed. Maybe user name duplicates.',
      );
    assert.is((await client.list(eve, 'ann')).status, 200, 'other users stay');
  }
  const [after] = await mysql('users').where({ username: 'bób' });
  assert.is.not(after.password_hash, before.password_hash);
  assert.is(await redis.exists(keys.knownAddresses('bób')), 0);
  const holders = await first.send('GET', '/api/users/ann/coupons/sea/holders', { token: ann });
  assert.is((holders.body?.data as unknown[] | undefined)?.length, 1);

  // And a server that starts later knows it too, and all agree.
  const third = startServer(environment);
  assert.is((await createClient(await third.listening).list(bob, 'bób')).status, 401);
  for (const server of [...servers, third]) server.kill('SIGTERM');
  await Promise.all([...servers, third].map(({ ended }) => ended));
  assert.is((await startProgram('src/tools/verify.ts', environment).ended).status, 0);
});

test('the webhooks of an erased seller are deleted, and those of others stay', async () => {
  for (const [id, owner] of [
    ['a', 'ann'],
    ['z', 'zoe'],
  ]) {
    await mysql('webhooks').insert({ id, owner, url: 'https://shop.invalid/', secret: 'x', created_at: 1 });
    await mysql('subscriptions').insert({ name: `webhook:${id}`, position: 0 });
  }

  assert.is((await accounts('erase', 'ann')).status, 0);

  assert.equal(
    (await mysql('webhooks').select('id')).map(({ id }) => String(id)),
    ['z'],
  );
  assert.equal(await mysql('subscriptions').where({ name: 'webhook:a' }), []);
});

test('an unknown name ends with one line and exit status 1, a missing command with 2', async () => {
  const { status, stderr } = await accounts('erase', 'nobody');
  assert.is(status, 1);
  assert.match(stderr, /^there is no account "nobody"$/m);
  assert.is((await accounts()).status, 2);
});

test.after(async () => {
  await endPrograms();
  await closeRedis();
  await closeMysql();
  await close();
});
test.run();
