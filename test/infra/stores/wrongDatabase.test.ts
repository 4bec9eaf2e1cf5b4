import { setTimeout as sleep } from 'node:timers/promises';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { openRedis } from '../../../src/infra/stores/redis.ts';
import { createLog } from '../../../src/infra/telemetry/log.ts';
import { openSystem } from '../../../src/system.ts';
import { gateOpens } from '../../support/outages.ts';
import { endPrograms, startProgram } from '../../support/program.ts';
import { openTestStores } from '../../support/testStores.ts';

// A Redis that refuses SELECT: the client would go on in database 0, which may hold another data set.

const log = createLog('silent');
const { config, environment, close } = await openTestStores();
const admin = await openRedis(config.redisUrl, log);
const test = suite('a database that Redis refuses');

test('given a database that does not exist, start is refused with the cause, and database 0 stays empty', async () => {
  const url = `${config.redisUrl}?db=99`;
  const { status, stderr } = await startProgram('src/main.ts', { ...environment, REDIS_URL: url }).ended;
  assert.match(stderr, /^REDIS_URL: cannot reach Redis: ERR DB index is out of range\n$/);
  assert.is(status, 1);
  assert.is(await admin.redis.dbsize(), 0);
});

test('when SELECT is refused on a reconnect, then the gate stays shut, and database 0 stays empty, until it is allowed', async () => {
  const { system, close: closeSystem } = await openSystem({ ...config, redisUrl: `${config.redisUrl}?db=2` }, log);
  assert.is(system.gate.reason(), undefined);
  await admin.redis.call('ACL', 'SETUSER', 'default', '-select');
  await admin.redis.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
  await sleep(1_500);
  assert.type(system.gate.reason(), 'string');
  assert.is(await admin.redis.dbsize(), 0);

  await admin.redis.call('ACL', 'SETUSER', 'default', '+select');
  await gateOpens(system);
  assert.is(await admin.redis.dbsize(), 0);
  await closeSystem();
});

test.after(async () => {
  await endPrograms();
  await admin.close();
  await close();
});
test.run();
