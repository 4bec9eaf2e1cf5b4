import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Closer } from '../../src/infra/closers.ts';
import { findProgram } from '../../src/infra/local/install.ts';
import { connectMysql } from '../../src/infra/stores/mysql.ts';
import { openRedis } from '../../src/infra/stores/redis.ts';
import { createLog } from '../../src/infra/telemetry/log.ts';
import { openSystem } from '../../src/system.ts';
import { createDataDir } from '../support/dataDirs.ts';
import { createClient } from '../support/httpClient.ts';
import { endPrograms, startProgram } from '../support/program.ts';
import { openTestStores } from '../support/testStores.ts';
import { customer, givenCoupon, grabOutcome, settled } from '../support/testSystem.ts';
import { until } from '../support/until.ts';

// First MySQL is lost, then Redis. Only an exported log is left.

const { config, close } = await openTestStores();
const stores = { REDIS_URL: config.redisUrl, MYSQL_URL: config.mysqlUrl };
const run = (tool: string, ...args: string[]) => startProgram(`src/tools/${tool}.ts`, stores, args).ended;
const start = () => openSystem(config, createLog('silent'));
const file = join(createDataDir(), 'log.ndjson.gz');
const root = fileURLToPath(new URL('../..', import.meta.url));
const closers: Closer[] = [];
const test = suite('the worst day');

const assertAgreement = async (moment: string) => {
  const { status, stdout, stderr } = await run('verify');
  assert.is(status, 0, `${moment}: ${stdout}${stderr}`);
  assert.match(stdout, /^all agree$/m);
};

test('a dropped database is restored from an export, a flushed Redis from the database, and verify finds no mismatch after each', async () => {
  // Given a sale, an export of its log, and a server that was stopped.
  const first = await start();
  for (let i = 0; i < 20; i++) {
    await givenCoupon(first.system, 'ann', `coupon ${i}`, 30);
    const coupon = { seller: 'ann', name: `coupon ${i}` };
    await Promise.all(Array.from({ length: 40 }, (_, i) => grabOutcome(first.system, customer(`c${i}`), coupon)));
  }
  await settled(first.system);
  const database = new URL(config.mysqlUrl).pathname.slice(1);
  const exported = await run('exportLog', file);
  assert.match(exported.stdout, /^620 events in /m, exported.stderr);
  await first.close();
  const { mysql, close: closeMysql } = connectMysql(config.mysqlUrl);
  await mysql.raw(`DROP DATABASE ${database}`);
  await closeMysql();

  // When the export is imported, Redis and MySQL agree.
  const imported = await run('replay', '--from', file);
  assert.is(imported.status, 0, imported.stderr);
  assert.match(imported.stdout, /^620 events imported from /m);
  await assertAgreement('after the import');

  // When Redis is flushed and the server is started again, all agree, and the sale continues from its last state.
  const { redis, close: closeRedis } = await openRedis(config.redisUrl, createLog('silent'));
  await redis.flushall();
  await closeRedis();
  const tooEarly = await run('verify');
  assert.is(tooEarly.status, 1);
  assert.match(tooEarly.stderr, /Redis has not been built yet: start the server once/);
  const second = await start();
  await assertAgreement('after the flush');
  assert.is(await grabOutcome(second.system, customer('c0'), { seller: 'ann', name: 'coupon 3' }), 'already-grabbed');
  assert.is(await grabOutcome(second.system, customer('new'), { seller: 'ann', name: 'coupon 3' }), 'sold-out');
  await givenCoupon(second.system, 'ann', 'next', 1);
  assert.is(await grabOutcome(second.system, customer('c0'), { seller: 'ann', name: 'next' }), 'grabbed');
  await settled(second.system);
  await assertAgreement('after the next sale');
  await second.close();
});

/** The commands of the n-th shell block after a heading of docs/REPLAY.md. */
function documentedCommands(heading: string, n: number): string[] {
  const section = readFileSync(join(root, 'docs/REPLAY.md'), 'utf8').split(`\n### ${heading}\n`)[1] ?? '';
  const block = [...section.matchAll(/^```sh\n([\s\S]*?)^```$/gm)][n - 1]?.[1];
  assert.ok(block, `${heading}, block ${n}`);
  return String(block).trim().split('\n');
}

for (const stores of ['the private servers', 'given servers'] as const) {
  test(`the documented commands restore a lost sale and its users on ${stores}, in their order`, async () => {
    const isPrivate = stores === 'the private servers';
    const [folder, dataDir] = [createDataDir(), createDataDir()];
    const given = await openTestStores();
    closers.push(given.close);
    const database = new URL(given.config.mysqlUrl);
    const socket = isPrivate ? join(dataDir, 'mariadb.sock') : String(database.searchParams.get('socketPath'));
    const name = isPrivate ? 'seckill' : database.pathname.slice(1);
    const environment = isPrivate
      ? { DATA_DIR: dataDir }
      : { REDIS_URL: given.config.redisUrl, MYSQL_URL: given.config.mysqlUrl, JWT_SECRET: given.config.jwtSecret };
    let server: ReturnType<typeof startProgram> | undefined;
    const stop = async () => {
      server?.kill('SIGTERM');
      await server?.ended;
    };
    const startServer = async () => {
      await stop();
      server = startProgram('src/main.ts', environment);
      return createClient(await server.listening);
    };
    const carryOut = async (command: string) => {
      if (command === 'npm start') return startServer();
      const here = command
        .replace('--socket=.data/mariadb.sock', `--socket=${socket}`)
        .replace('--host=HOST --user=USER --password DATABASE', `--socket=${socket} --user=root ${name}`)
        .replace(' seckill ', ` ${name} `)
        .replace(/(log\.ndjson\.gz|users\.sql)$/, `${folder}/$1`);
      const child = spawn('sh', ['-c', here], { cwd: root, env: { ...process.env, ...environment } });
      let output = '';
      for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += chunk));
      const [status] = await once(child, 'close');
      assert.is(status, 0, `${here}: ${output}`);
      if (command === 'npm run verify') assert.match(output, /^all agree$/m);
      return undefined;
    };

    // Given a sale, users, a token that was revoked, and the documented export and dump.
    const before = await startServer();
    const ann = await before.enter('ann', 'seller');
    const bob = await before.enter('bób', 'customer');
    const revoked = await before.enter('eve', 'customer');
    await before.create(ann, 'ann', { name: 'sea', amount: 2, stock: 5 });
    assert.is((await before.grab(bob, 'ann', 'sea')).status, 201);
    assert.is((await before.send('POST', '/api/auth/logout', { token: revoked })).status, 200);
    // The export has what MySQL has, which gets the grab after its answer.
    await until('the grab is in MySQL', async () => {
      const { body } = await before.send('GET', '/api/users/ann/coupons/sea/history', { token: ann });
      return body?.version === 2 && body.behind === 0;
    });
    for (const command of documentedCommands('Before: export and dump', 1)) await carryOut(command);
    if (findProgram('mariadb-dump') !== undefined)
      for (const command of documentedCommands('Before: export and dump', 2)) await carryOut(command);

    // When MySQL and Redis are lost,
    await stop();
    if (isPrivate) for (const store of ['mariadb', 'redis']) rmSync(join(dataDir, store), { recursive: true });
    else {
      const { mysql, close: closeMysql } = connectMysql(given.config.mysqlUrl);
      await mysql.raw(`DROP DATABASE ${name}`);
      await closeMysql();
      const { redis, close: closeRedis } = await openRedis(given.config.redisUrl, createLog('silent'));
      await redis.flushall();
      await closeRedis();
    }

    // and the documented commands are carried out in their order,
    for (const command of documentedCommands('When MySQL is lost', isPrivate ? 2 : 1)) await carryOut(command);

    // then users can log in, the revoked token stays revoked, and the sale continues.
    const after = createClient(await (server as ReturnType<typeof startProgram>).listening);
    const again = await after.enter('bób', 'customer');
    assert.is((await after.grab(again, 'ann', 'sea')).status, 204);
    assert.is((await after.list(bob, 'ann')).status, 200);
    assert.is((await after.list(revoked, 'ann')).status, 401);
    assert.is((await after.register('eve', 'customer')).status, 400);
    await stop();
  });
}

test.after(async () => {
  await endPrograms();
  for (const close of closers) await close();
  await close();
});
test.run();
