import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { readConfig } from '../src/config.ts';
import { openLocalServers } from '../src/infra/local/localServers.ts';
import { connectMysql } from '../src/infra/stores/mysql.ts';
import { createDataDir } from './support/dataDirs.ts';
import { createClient } from './support/httpClient.ts';
import { endPrograms, startServer } from './support/program.ts';
import { openTestStores } from './support/testStores.ts';

const test = suite('npm start, stopped');

test('given a frozen MySQL, SIGTERM still ends the server with status 0, and the next start has every answered grab', async () => {
  const dataDir = createDataDir();
  const { config, close } = await openLocalServers(readConfig({ DATA_DIR: dataDir }), () => {});
  const environment = { REDIS_URL: config.redisUrl, MYSQL_URL: config.mysqlOwnerUrl, JWT_SECRET: config.jwtSecret };
  const server = startServer(environment);
  const client = createClient(await server.listening);
  const ann = await client.enter('ann', 'seller');
  const bob = await client.enter('bob', 'customer');
  await client.create(ann, 'ann', { name: 'sea', amount: 2, stock: 5 });
  // When MySQL freezes, and the server gets SIGTERM with a grab that it cannot write.
  const mariadb = Number(readFileSync(join(dataDir, 'mariadb/mariadb.pid'), 'utf8'));
  process.kill(mariadb, 'SIGSTOP');
  assert.is((await client.grab(bob, 'ann', 'sea')).status, 201);
  server.kill('SIGTERM');
  assert.is((await server.ended).status, 0);
  process.kill(mariadb, 'SIGCONT');
  const again = startServer(environment);
  assert.is(
    (await createClient(await again.listening).grab(bob, 'ann', 'sea')).headers.get('grab-outcome'),
    'already-grabbed',
  );
  again.kill('SIGTERM');
  assert.is((await again.ended).status, 0);
  await close();
});

for (const workers of ['1', '2']) {
  test(`when SIGTERM comes in the middle of a sale with WORKERS=${workers}, then the status is 0 and MySQL has exactly the answered grabs`, async () => {
    const stores = await openTestStores();
    const server = startServer({ ...stores.environment, WORKERS: workers });
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

test.after(endPrograms);
test.run();
