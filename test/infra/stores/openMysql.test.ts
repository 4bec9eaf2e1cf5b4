import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { connectMysql } from '../../../src/infra/stores/mysql.ts';
import { openMysql } from '../../../src/infra/stores/openMysql.ts';
import { createDatabase } from '../../support/testStores.ts';

const test = suite('the migration of a database');

test('a migration does not wait for the migration of another database on the same server', async () => {
  // Given a migration that holds its lock, because it waits for a locked table.
  const busyUrl = await createDatabase();
  await openMysql(busyUrl).then(({ close }) => close());
  const { mysql: busy, close: closeBusy } = connectMysql(busyUrl);
  const holder = await busy.client.acquireConnection();
  await busy.raw('LOCK TABLES knex_migrations_lock WRITE').connection(holder);
  const waiting = openMysql(busyUrl);

  const { migrated, close } = await openMysql(await createDatabase());

  assert.ok(migrated.includes('0001_tables'));
  await close();
  await busy.raw('UNLOCK TABLES').connection(holder);
  const { migrated: nothing, close: closeWaiting } = await waiting;
  assert.equal(nothing, []);
  await closeWaiting();
  await busy.client.releaseConnection(holder);
  await closeBusy();
});

test('a process starts on tables that a newer release has migrated further', async () => {
  const url = await createDatabase();
  const { mysql, close } = await openMysql(url);
  await mysql('knex_migrations').insert({ name: '9999_of_a_newer_release', batch: 99, migration_time: new Date() });

  const again = await openMysql(url);

  assert.equal(again.migrated, []);
  await again.close();
  await close();
});

test.run();
