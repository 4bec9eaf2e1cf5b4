import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
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
import { endPrograms, startServer } from './support/program.ts';
import { openTestStores } from './support/testStores.ts';
import { settled } from './support/testSystem.ts';

const test = suite('npm start');
const sockets = (dataDir: string) => ['redis.sock', 'mariadb.sock'].map((name) => join(dataDir, name));

test('given an empty folder, the server starts private stores, Ctrl-C stops them, and a second start finds all data', async () => {
  const dataDir = createDataDir();
  const first = startServer({ DATA_DIR: dataDir });
  const client = createClient(await first.listening);
  const ann = await client.enter('ann', 'seller');
  const bob = await client.enter('bob', 'customer');
  await client.create(ann, 'ann', { name: 'sea', amount: 2, stock: 5 });
  assert.is((await client.grab(bob, 'ann', 'sea')).status, 201);
  const ownCoupons = (await client.list(bob, 'bob')).body?.data as { grabbedAt: string; code: string }[];
  const { grabbedAt, code } = ownCoupons[0] ?? {};
  assert.equal(ownCoupons, [{ name: 'sea', stock: 5, description: '', seller: 'ann', grabbedAt, code }]);

  first.kill('SIGINT');
  assert.is((await first.ended).status, 0);
  for (const socket of sockets(dataDir)) assert.not(await answers(socket), `${socket} still answers`);

  const second = startServer({ DATA_DIR: dataDir });
  const again = createClient(await second.listening);
  assert.equal((await again.list(bob, 'bob')).body?.data, ownCoupons);
  assert.is((await again.grab(bob, 'ann', 'sea')).headers.get('grab-outcome'), 'already-grabbed');
  second.kill('SIGTERM');
  assert.is((await second.ended).status, 0);
});

test('given a server killed in the middle of a sale, when it starts again, then MySQL has every grab that was answered 201, once', async () => {
  const dataDir = createDataDir();
  const first = startServer({ DATA_DIR: dataDir });
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
  const second = startServer({ DATA_DIR: dataDir });
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

test('when private stores are killed, then they are started again, grabs get 503 meanwhile, and no grab is lost', async () => {
  const dataDir = createDataDir();
  const server = startServer({ DATA_DIR: dataDir });
  const url = await server.listening;
  const client = createClient(url);
  const ann = await client.enter('ann', 'seller');
  const bob = await client.enter('bob', 'customer');
  await client.create(ann, 'ann', { name: 'sea', amount: 2, stock: 5 });
  assert.is((await client.grab(bob, 'ann', 'sea')).status, 201);
  for (const pidFile of ['redis/redis.pid', 'mariadb/mariadb.pid'])
    process.kill(Number(readFileSync(join(dataDir, pidFile), 'utf8')), 'SIGKILL');
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

test('given both stores, no private store is started', async () => {
  const stores = await openTestStores();
  const dataDir = join(createDataDir(), 'never made');
  const server = startServer({ ...stores.environment, DATA_DIR: dataDir });
  assert.is((await fetch(`${await server.listening}/readyz`)).status, 200);
  assert.not(existsSync(dataDir));
  server.kill('SIGINT');
  assert.is((await server.ended).status, 0);
  await stores.close();
});

test('a worker that is killed is replaced', async () => {
  const stores = await openTestStores();
  const server = startServer({ ...stores.environment, WORKERS: '2' });
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

test.after(endPrograms);
test.run();
