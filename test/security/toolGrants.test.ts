import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { migrateTables } from '../../src/infra/stores/openMysql.ts';
import { createLog } from '../../src/infra/telemetry/log.ts';
import { openSystem } from '../../src/system.ts';
import { createUser, documentedGrants, eachMissing, type Grant } from '../support/documentedGrants.ts';
import { grantTests, isForMysql } from '../support/grantTests.ts';
import { openOwnMariadb } from '../support/ownMariadb.ts';
import { endPrograms } from '../support/program.ts';
import { openTestStores } from '../support/testStores.ts';
import { customer, givenCoupon, grabOutcome, settled } from '../support/testSystem.ts';

// The tools of operators have users with exactly the grants of docs/OPERATIONS.md.

// With a binary log, as MySQL has it, the privilege TRIGGER decides only with this setting.
const mariadb = await openOwnMariadb(['--log-bin-trust-function-creators=1']);
const stores = await openTestStores({ MYSQL_URL: mariadb.url });
const { system, close: closeSystem } = await openSystem(stores.config, createLog('silent'));
await givenCoupon(system, 'ann', 'sea', 3);
assert.is(await grabOutcome(system, customer('bob'), { seller: 'ann', name: 'sea' }), 'grabbed');
await settled(system);
await system.mysql('subscriptions').insert([
  { name: 'nats', position: 0 },
  { name: 'webhook:none', position: 0 },
]);
const test = suite('the users of MySQL for tools');

const urlOf = (user: string, database = 'seckill') =>
  mariadb.url.replace('root@', `${user}@`).replace('/seckill?', `/${database}?`);
const grantsOf = grantTests(test, { ...mariadb, environment: stores.environment });
grantsOf('seckill_replay', [
  () => ['replay'],
  () => ['replay', '--verify'],
  () => ['replay', '--until', '1'],
  () => ['replay', '--drop-until'],
]);
grantsOf('seckill_subscribers', [
  () => ['subscribers', 'list'],
  () => ['subscribers', 'skip', 'nats', '--reason', 'a test'],
  () => ['subscribers', 'retry', 'nats'],
  () => ['subscribers', 'rewind', 'nats', '--to', '2020-01-01'],
]);

let databases = 0;
/** Brings an empty database up to date as a user with these grants. */
async function migrateAs(grants: readonly Grant[]): Promise<string[]> {
  const database = `empty${databases++}`;
  await mariadb.run(`CREATE DATABASE ${database}`, ...createUser('migrate', database, grants));
  return (await migrateTables(urlOf('migrate', database))).migrated;
}

const toMigrate = documentedGrants('seckill_migrate');

test('the documented grants of seckill_migrate suffice for all migrations', async () => {
  assert.ok((await migrateAs(toMigrate)).length >= 6);
});

for (const { missing, others } of eachMissing(toMigrate).filter((one) => !isForMysql(one.missing))) {
  test(`given seckill_migrate without ${missing.privilege}, the migration fails with one line: no grant is superfluous`, async () => {
    const message = await migrateAs(others).then(
      () => 'it migrated',
      (error: Error) => error.message,
    );
    assert.match(message, /^MYSQL_URL: [^\n]*denied[^\n]*$/, message);
  });
}

test.after(async () => {
  await endPrograms();
  await closeSystem();
  await stores.close();
  await mariadb.close();
});
test.run();
