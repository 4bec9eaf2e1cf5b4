import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { grabCoupon } from '../../src/commands/grabCoupon.ts';
import { connectMysql } from '../../src/infra/stores/mysql.ts';
import { openRedis } from '../../src/infra/stores/redis.ts';
import { createLog } from '../../src/infra/telemetry/log.ts';
import { openSystem } from '../../src/system.ts';
import { createDataDir } from '../support/dataDirs.ts';
import { endPrograms, startProgram } from '../support/program.ts';
import { openTestStores } from '../support/testStores.ts';
import { customer, givenCoupon, settled } from '../support/testSystem.ts';

// First MySQL is lost, then Redis. Only an exported log is left.

const { config, close } = await openTestStores();
const stores = { REDIS_URL: config.redisUrl, MYSQL_URL: config.mysqlUrl };
const run = (tool: string, ...args: string[]) => startProgram(`src/tools/${tool}.ts`, stores, args).ended;
const start = () => openSystem(config, createLog('silent'));
const file = join(createDataDir(), 'log.ndjson.gz');
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
    await Promise.all(Array.from({ length: 40 }, (_, i) => grabCoupon(first.system, customer(`c${i}`), coupon)));
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
  assert.is((await run('verify')).status, 1);
  const second = await start();
  await assertAgreement('after the flush');
  assert.is(await grabCoupon(second.system, customer('c0'), { seller: 'ann', name: 'coupon 3' }), 'already-grabbed');
  assert.is(await grabCoupon(second.system, customer('new'), { seller: 'ann', name: 'coupon 3' }), 'sold-out');
  await givenCoupon(second.system, 'ann', 'next', 1);
  assert.is(await grabCoupon(second.system, customer('c0'), { seller: 'ann', name: 'next' }), 'grabbed');
  await settled(second.system);
  await assertAgreement('after the next sale');
  await second.close();
});

test.after(async () => {
  await endPrograms();
  await close();
});
test.run();
