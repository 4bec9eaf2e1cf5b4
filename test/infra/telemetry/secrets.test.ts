import { setTimeout as sleep } from 'node:timers/promises';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { openRedis } from '../../../src/infra/stores/redis.ts';
import { aclRules } from '../../../src/infra/stores/redisPermissions.ts';
import { createLog } from '../../../src/infra/telemetry/log.ts';
import { createClient } from '../../support/httpClient.ts';
import { openOwnMariadb } from '../../support/ownMariadb.ts';
import { endPrograms, startProgram } from '../../support/program.ts';
import { openTestStores } from '../../support/testStores.ts';

// A run in which everything that can fail does, with a secret in every place that can hold one; then a search for them in all that
// the server has written.

const mariadb = await openOwnMariadb();
const { config, environment, close } = await openTestStores();
const admin = await openRedis(config.redisUrl, createLog('silent'));
const secrets = {
  redis: 'redis/secret@1',
  redisLater: 'redis-secret-later',
  mysql: 'mysql#secret@2',
  jwt: 'the-secret-that-signs-tokens-of-this-test',
  password: 'password-of-bob-3',
  wrongPassword: 'wrong-password-of-bob-4',
};
const test = suite('secrets');

const setRedisPassword = (password: string) =>
  admin.redis.call('ACL', 'SETUSER', 'seckill', 'reset', 'on', `>${password}`, ...aclRules.split(' '));

test('given failures of every kind, then nothing that the server writes has a secret in it', async () => {
  await setRedisPassword(secrets.redis);
  await mariadb.run(
    `CREATE USER app@localhost IDENTIFIED BY '${secrets.mysql}'`,
    'GRANT ALL ON seckill.* TO app@localhost',
  );
  const program = startProgram('src/main.ts', {
    ...environment,
    REDIS_URL: `${config.redisUrl}?username=seckill&password=${encodeURIComponent(secrets.redis)}`,
    MYSQL_URL: mariadb.url.replace('root@', `app:${encodeURIComponent(secrets.mysql)}@`),
    JWT_SECRET: secrets.jwt,
    LOG_LEVEL: 'trace',
    LOG_FORMAT: 'json',
  });
  const url = await program.listening;
  const client = createClient(url);
  const ann = await client.enter('ann', 'seller');
  await client.create(ann, 'ann', { name: 'sea', amount: 9, stock: 5 });
  await client.register('bob', 'customer', secrets.password);
  const logIn = (password: string) => client.send('POST', '/api/auth', { json: { username: 'bob', password } });
  const token = (await logIn(secrets.password)).headers.get('authorization') ?? '';
  await logIn(secrets.wrongPassword);
  await client.grab(token, 'ann', 'sea');

  // A statement that MySQL refuses, with a password hash and with names in it.
  await mariadb.run(
    "CREATE TRIGGER seckill.no BEFORE INSERT ON seckill.users FOR EACH ROW SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'no'",
  );
  await client.register('eve', 'customer', secrets.password);
  await client.send('POST', '/api/users', { raw: `{"username": "eve", "password": "${secrets.password}"` });

  // A password that is revoked while the server runs, in both stores.
  await setRedisPassword(secrets.redisLater);
  await admin.redis.call('CLIENT', 'KILL', 'USER', 'seckill');
  await mariadb.run("ALTER USER app@localhost IDENTIFIED BY 'another'", 'KILL CONNECTION USER app@localhost');
  await client.grab(token, 'ann', 'sea');
  await logIn(secrets.password);
  await sleep(1_500);
  const metrics = await (await fetch(`${url}/metrics`)).text();
  program.kill('SIGTERM');
  const { stdout, stderr } = await program.ended;

  assert.match(stderr, /WRONGPASS/);
  assert.match(stderr, /Access denied/);
  const written = stdout + stderr + metrics;
  const places = Object.entries({ ...secrets, token, annsToken: ann, hash: '$argon2id$' }).flatMap(([name, secret]) => [
    [name, secret],
    [`${name}, percent-encoded`, encodeURIComponent(secret)],
  ]);
  for (const [name, secret = ''] of places) assert.not.ok(written.includes(secret), `${name} was written`);
  for (const line of stderr.split('\n')) assert.ok(line.length < 10_000);
});

for (const [what, settings] of [
  ['a wrong password of Redis', { REDIS_URL: `${config.redisUrl}?username=seckill&password=${secrets.redis}` }],
  ['a wrong password of MySQL', { MYSQL_URL: mariadb.url.replace('root@', `root:${secrets.redisLater}@`) }],
  ['a URL that cannot be read', { MYSQL_URL: `mysql://u:${secrets.redis}@h:x/db` }],
  ['a secret that is too short', { JWT_SECRET: 'short-secret' }],
] as const) {
  test(`given ${what}, start is refused with one line without a secret`, async () => {
    const { status, stderr } = await startProgram('src/main.ts', { ...environment, ...settings }).ended;
    assert.is(status, 1);
    assert.match(stderr, /^(REDIS_URL|MYSQL_URL|JWT_SECRET): [^\n]+\n$/);
    for (const secret of [...Object.values(secrets), 'short-secret']) assert.not.ok(stderr.includes(secret), secret);
  });
}

test.after(async () => {
  await endPrograms();
  await admin.close();
  await close();
  await mariadb.close();
});
test.run();
