import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { answers } from '../src/infra/local/dataDir.ts';
import { connectMysql } from '../src/infra/stores/mysql.ts';
import { openRedis } from '../src/infra/stores/redis.ts';
import { createLog } from '../src/infra/telemetry/log.ts';
import { createDataDir } from './support/dataDirs.ts';
import { createClient } from './support/httpClient.ts';
import { endPrograms, startProgram } from './support/program.ts';
import { createDatabase, openTestStores } from './support/testStores.ts';
import { settled } from './support/testSystem.ts';

const test = suite('npm start');
const start = (environment: NodeJS.ProcessEnv, args: string[] = []) => startProgram('src/main.ts', environment, args);
const secret = 'a secret of the tests, long enough to be taken';
const sockets = (dataDir: string) => ['redis.sock', 'mariadb.sock'].map((name) => join(dataDir, name));

test('given an empty folder, the server starts private stores, Ctrl-C stops them, and a second start finds all data', async () => {
  const dataDir = createDataDir();
  const first = start({ DATA_DIR: dataDir });
  const client = createClient(await first.listening);
  const ann = await client.enter('ann', 'seller');
  const bob = await client.enter('bob', 'customer');
  await client.create(ann, 'ann', { name: 'sea', amount: 2, stock: 5 });
  assert.is((await client.grab(bob, 'ann', 'sea')).status, 201);

  first.kill('SIGINT');
  assert.is((await first.ended).status, 0);
  for (const socket of sockets(dataDir)) assert.not(await answers(socket), `${socket} still answers`);

  const second = start({ DATA_DIR: dataDir });
  const again = createClient(await second.listening);
  assert.equal((await again.list(bob, 'bob')).body?.data, [{ name: 'sea', stock: 5, description: '' }]);
  assert.is((await again.grab(bob, 'ann', 'sea')).headers.get('grab-outcome'), 'already-grabbed');
  second.kill('SIGTERM');
  assert.is((await second.ended).status, 0);
});

test('given a server killed in the middle of a sale, when it starts again, then MySQL has every grab that was answered 201, once', async () => {
  const dataDir = createDataDir();
  const first = start({ DATA_DIR: dataDir });
  const client = createClient(await first.listening);
  const ann = await client.enter('ann', 'seller');
  const customers = await Promise.all(Array.from({ length: 40 }, (_, i) => client.enter(`c${i}`, 'customer')));
  const coupons = Array.from({ length: 50 }, (_, i) => `coupon ${i}`);
  await Promise.all(coupons.map((name) => client.create(ann, 'ann', { name, amount: 20, stock: 5 })));

  // When it is killed while every customer goes through all coupons.
  const answered: string[] = [];
  const crowd = customers.map(async (token, i) => {
    for (const name of coupons) {
      const { status } = await client.grab(token, 'ann', name);
      if (status === 201) answered.push(`c${i} ${name}`);
    }
  });
  while (answered.length < 200) await sleep(1);
  first.kill('SIGKILL');
  await Promise.allSettled(crowd);
  assert.ok(answered.length < 1_000, 'the sale was over before the kill');

  // Then the next start has them all, and takes over the private stores that were left running.
  const second = start({ DATA_DIR: dataDir });
  await second.listening;
  const { redis, close: closeRedis } = await openRedis(`unix://${join(dataDir, 'redis.sock')}`, createLog('silent'));
  await settled({ redis });
  await closeRedis();
  const { mysql, close } = connectMysql(
    `mysql://root@localhost/seckill?socketPath=${encodeURIComponent(join(dataDir, 'mariadb.sock'))}`,
  );
  const rows = await mysql('coupon_grabs').join('coupons', 'coupons.id', 'coupon_id').select('customer', 'name');
  const [counted] = await mysql('event_log').where('type', 'CouponGrabbed').count({ events: '*' });
  await close();
  const stored = rows.map(({ customer, name }) => `${customer} ${name}`);
  const missing = answered.filter((grab) => !stored.includes(grab));
  assert.equal(missing, []);
  assert.is(new Set(stored).size, stored.length);
  assert.is(counted?.events, stored.length);

  second.kill('SIGINT');
  assert.is((await second.ended).status, 0);
  for (const socket of sockets(dataDir)) assert.not(await answers(socket));
});

const pidIn = (dataDir: string, pidFile: string) => Number(readFileSync(join(dataDir, pidFile), 'utf8'));

test('when private stores are killed, then they are started again, grabs get 503 meanwhile, and no grab is lost', async () => {
  const dataDir = createDataDir();
  const server = start({ DATA_DIR: dataDir });
  const url = await server.listening;
  const client = createClient(url);
  const ann = await client.enter('ann', 'seller');
  const bob = await client.enter('bob', 'customer');
  await client.create(ann, 'ann', { name: 'sea', amount: 2, stock: 5 });
  assert.is((await client.grab(bob, 'ann', 'sea')).status, 201);
  for (const pidFile of ['redis/redis.pid', 'mariadb/mariadb.pid']) process.kill(pidIn(dataDir, pidFile), 'SIGKILL');
  await sleep(100);
  assert.is((await fetch(`${url}/readyz`)).status, 503);
  assert.is((await fetch(`${url}/healthz`)).status, 200);
  while ((await fetch(`${url}/readyz`)).status !== 200) await sleep(50);
  assert.is((await client.grab(bob, 'ann', 'sea')).headers.get('grab-outcome'), 'already-grabbed');
  server.kill('SIGINT');
  const { status, stdout } = await server.ended;
  assert.is(status, 0);
  assert.match(stdout, /Redis died; restarting it/);
  assert.match(stdout, /MariaDB died; restarting it/);
  for (const socket of sockets(dataDir)) assert.not(await answers(socket));
});

test('given a frozen MySQL, SIGTERM still ends the server with status 0, and the next start has every answered grab', async () => {
  const dataDir = createDataDir();
  const keeper = start({ DATA_DIR: dataDir });
  await keeper.listening;
  const own = {
    REDIS_URL: `unix://${join(dataDir, 'redis.sock')}`,
    MYSQL_URL: `mysql://root@localhost/seckill?socketPath=${encodeURIComponent(join(dataDir, 'mariadb.sock'))}`,
    JWT_SECRET: secret,
  };
  const server = start(own);
  const client = createClient(await server.listening);
  const ann = await client.enter('ann', 'seller');
  const bob = await client.enter('bob', 'customer');
  await client.create(ann, 'ann', { name: 'sea', amount: 2, stock: 5 });
  // When MySQL freezes, and the server gets SIGTERM with a grab that it cannot write.
  const mariadb = pidIn(dataDir, 'mariadb/mariadb.pid');
  process.kill(mariadb, 'SIGSTOP');
  assert.is((await client.grab(bob, 'ann', 'sea')).status, 201);
  server.kill('SIGTERM');
  assert.is((await server.ended).status, 0);
  process.kill(mariadb, 'SIGCONT');
  const again = start(own);
  assert.is(
    (await createClient(await again.listening).grab(bob, 'ann', 'sea')).headers.get('grab-outcome'),
    'already-grabbed',
  );
  for (const program of [again, keeper]) {
    program.kill('SIGTERM');
    assert.is((await program.ended).status, 0);
  }
});

test('given a Redis that would lose acknowledged grabs, start is refused with one line and status 1', async () => {
  const stores = await openTestStores();
  const { redis, close } = await openRedis(stores.config.redisUrl, createLog('silent'));
  await redis.config('SET', 'appendfsync', 'everysec');
  const { status, stderr } = await start(stores.environment).ended;
  assert.is(status, 1);
  assert.match(stderr, /^REDIS_URL: [^\n]*appendfsync is everysec, must be always[^\n]*\n$/);
  const unsafe = start({ ...stores.environment, ALLOW_UNSAFE_REDIS: '1' });
  assert.is((await fetch(`${await unsafe.listening}/readyz`)).status, 200);
  unsafe.kill('SIGTERM');
  assert.is((await unsafe.ended).status, 0);
  await close();
  await stores.close();
});

test('a second server on the same data folder is refused, and the first one goes on', async () => {
  const dataDir = createDataDir();
  const first = start({ DATA_DIR: dataDir });
  const url = await first.listening;
  const { status, stderr } = await start({ DATA_DIR: dataDir }).ended;
  assert.is(status, 1);
  assert.match(stderr, /^DATA_DIR: .* is in use by another seckill process\n$/);
  assert.is((await fetch(`${url}/readyz`)).status, 200);
  first.kill('SIGINT');
  await first.ended;
});

test('given both stores, no private store is started', async () => {
  const stores = await openTestStores();
  const dataDir = join(createDataDir(), 'never made');
  const server = start({ ...stores.environment, DATA_DIR: dataDir });
  assert.is((await fetch(`${await server.listening}/readyz`)).status, 200);
  assert.not(existsSync(dataDir));
  server.kill('SIGINT');
  assert.is((await server.ended).status, 0);
  await stores.close();
});

for (const workers of ['1', '2']) {
  test(`when SIGTERM comes in the middle of a sale with WORKERS=${workers}, then the status is 0 and MySQL has exactly the answered grabs`, async () => {
    const stores = await openTestStores();
    const server = start({ ...stores.environment, WORKERS: workers });
    const client = createClient(await server.listening);
    const ann = await client.enter('ann', 'seller');
    const customers = await Promise.all(Array.from({ length: 20 }, (_, i) => client.enter(`c${i}`, 'customer')));
    const coupons = Array.from({ length: 50 }, (_, i) => `coupon ${i}`);
    await Promise.all(coupons.map((name) => client.create(ann, 'ann', { name, amount: 20, stock: 5 })));

    const answered: number[] = [];
    const crowd = customers.map(async (token) => {
      for (const name of coupons) answered.push((await client.grab(token, 'ann', name)).status);
    });
    while (answered.length < 100) await sleep(1);
    server.kill('SIGTERM');
    await Promise.allSettled(crowd);
    assert.is((await server.ended).status, 0);
    assert.ok(answered.length < 1_000, 'the sale was over before the stop');
    assert.ok(answered.every((status) => status === 201));

    const { mysql, close } = connectMysql(stores.config.mysqlUrl);
    const [counted] = await mysql('coupon_grabs').count({ grabs: '*' });
    await close();
    assert.is(counted?.grabs, answered.length);
    await stores.close();
  });
}

test('a worker that is killed is replaced', async () => {
  const stores = await openTestStores();
  const server = start({ ...stores.environment, WORKERS: '2' });
  const url = await server.listening;
  const workers = () =>
    spawnSync('pgrep', ['-P', String(server.pid)], { encoding: 'utf8' })
      .stdout.split('\n')
      .filter(Boolean);
  const before = workers();
  assert.is(before.length, 2);
  process.kill(Number(before[0]), 'SIGKILL');
  while (workers().filter((pid) => pid !== before[0]).length < 2) await sleep(50);
  assert.is((await fetch(`${url}/readyz`)).status, 200);
  server.kill('SIGTERM');
  assert.is((await server.ended).status, 0);
  await stores.close();
});

const unreachable: [name: string, environment: NodeJS.ProcessEnv][] = [
  ['PORT', { PORT: 'eighty' }],
  ['JWT_SECRET', { REDIS_URL: 'redis://127.0.0.1:1' }],
  ['MYSQL_URL', { MYSQL_URL: 'mysql://root@127.0.0.1:1/x', REDIS_URL: 'redis://127.0.0.1:1', JWT_SECRET: secret }],
  ['MYSQL_URL', { MYSQL_URL: 'mysql://root@127.0.0.1:1', REDIS_URL: 'redis://127.0.0.1:1', JWT_SECRET: secret }],
  ['DATA_DIR', { DATA_DIR: '/dev/null/nowhere' }],
];
for (const [name, environment] of unreachable) {
  test(`given ${JSON.stringify(environment)}, start is refused with one line that names ${name}, and status 1`, async () => {
    const { status, stderr, stdout } = await start(environment).ended;
    assert.is(status, 1);
    assert.match(stderr, new RegExp(`^${name}: [^\n]+\n$`));
    assert.is(stdout, '');
  });
}

test('given an unreachable Redis, start is refused with one line that names REDIS_URL, and status 1', async () => {
  const environment = { MYSQL_URL: await createDatabase(), REDIS_URL: 'redis://127.0.0.1:1', JWT_SECRET: secret };
  const { status, stderr } = await start(environment).ended;
  assert.is(status, 1);
  assert.match(stderr, /^REDIS_URL: [^\n]+\n$/);
});

for (const workers of ['1', '2']) {
  test(`given a taken port and WORKERS=${workers}, start is refused with one line that names PORT, and status 1`, async () => {
    const stores = await openTestStores();
    const other = createServer().listen(0, '127.0.0.1');
    await sleep(10);
    const { port } = other.address() as AddressInfo;
    const { status, stderr } = await start({ ...stores.environment, PORT: String(port), WORKERS: workers }).ended;
    other.close();
    assert.is(status, 1);
    assert.match(stderr, new RegExp(`^PORT: ${port} [^\n]+\n$`));
    await stores.close();
  });
}

for (const file of ['src/main.ts', 'test/runTests.ts', 'bench/demo.ts']) {
  test(`${file} --help describes the command with status 0, and an unknown option ends with status 2`, async () => {
    const help = await startProgram(file, {}, ['--help']).ended;
    assert.is(help.status, 0);
    assert.match(help.stdout, /Usage: npm/);
    assert.is((await startProgram(file, {}, ['--no-such-option']).ended).status, 2);
  });
}

test.after(endPrograms);
test.run();
