import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { findLogGuard, missingGuard } from '../../../src/infra/stores/eventLogGuard.ts';
import { connectMysql } from '../../../src/infra/stores/mysql.ts';
import { migrateTables, openMysql } from '../../../src/infra/stores/openMysql.ts';
import { createUser, documentedGrants } from '../../support/documentedGrants.ts';
import { openOwnMariadb } from '../../support/ownMariadb.ts';
import { endPrograms, startProgram } from '../../support/program.ts';
import { openTestStores } from '../../support/testStores.ts';

// A server with a binary log, which MySQL has by default: an ordinary user may create no triggers.

const mariadb = await openOwnMariadb(['--log-bin=binlog', '--binlog-format=ROW']);
const test = suite('the guard of event_log on a server with a binary log');

const urlOf = (user: string, database: string) =>
  mariadb.url.replace('root@', `${user}@`).replace('/seckill?', `/${database}?`);
async function givenDatabase(name: string): Promise<void> {
  await mariadb.run(
    `CREATE DATABASE ${name}`,
    ...createUser('migrate', name, documentedGrants('seckill_migrate')),
    'DROP USER IF EXISTS trial@localhost',
    'CREATE USER trial@localhost',
    `GRANT ALL ON ${name}.* TO trial@localhost`,
  );
}
async function guardOf(user: string, database: string) {
  const { mysql, close } = connectMysql(urlOf(user, database));
  const guard = await findLogGuard(mysql);
  await close();
  return guard;
}

test('npm run migrate creates the tables, and says in one line that there are no triggers', async () => {
  await givenDatabase('stock');

  const { status, stdout } = await startProgram('src/tools/migrate.ts', { MYSQL_URL: urlOf('migrate', 'stock') }).ended;

  assert.is(status, 0);
  const [migrated, guard, ...more] = stdout.trimEnd().split('\n');
  assert.match(migrated ?? '', /^migrated: 0001_tables/);
  assert.match(guard ?? '', /^event_log has no triggers against UPDATE and DELETE, .*\(docs\/STORES\.md\)$/);
  assert.equal(more, []);
});

test("the server's user of docs/OPERATIONS.md then cannot change the log, and start has nothing to warn of", async () => {
  await mariadb.run(...createUser('seckill', 'stock', documentedGrants('seckill')));

  const { mysql, guard, close } = await openMysql(urlOf('seckill', 'stock'));

  assert.equal(guard, { triggers: 'unseen', grants: true });
  assert.is(missingGuard(guard), undefined);
  const refused = await mysql('event_log')
    .delete()
    .catch((error: Error) => error.message);
  await close();
  assert.match(String(refused), /DELETE command denied/);
});

test('given one user for everything, the server starts, and warns in one line that nothing guards the log', async () => {
  await givenDatabase('everything');
  const { environment, close } = await openTestStores({ MYSQL_URL: urlOf('trial', 'everything'), LOG_LEVEL: 'warn' });

  const program = startProgram('src/main.ts', environment);
  await program.listening;
  program.kill('SIGTERM');
  const { stderr } = await program.ended;

  await close();
  const warnings = stderr.split('\n').filter((line) => line.includes('event_log'));
  assert.is(warnings.length, 1, stderr);
  assert.match(warnings[0] ?? '', /event_log can be changed by the server's user, and no trigger refuses it/);
});

test('when the setting is made later, then npm run migrate creates the triggers, and they refuse a user with all privileges', async () => {
  await givenDatabase('later');
  const url = urlOf('trial', 'later');
  assert.is((await migrateTables(url)).guard.triggers, 'missing');

  await mariadb.run('SET GLOBAL log_bin_trust_function_creators = 1');
  const { migrated, guard } = await migrateTables(url);
  await mariadb.run('SET GLOBAL log_bin_trust_function_creators = 0');

  assert.equal(migrated, []);
  assert.equal(guard, { triggers: 'present', grants: false });
  assert.is(missingGuard(guard), undefined);
  const { mysql, close } = connectMysql(url);
  await mysql('event_log').insert({
    coupon_id: Buffer.alloc(16),
    version: 1,
    type: 'T',
    seller: 'ann',
    name: 'sea',
    occurred_at: 1,
    data: '{}',
  });
  for (const change of ['UPDATE event_log SET version = 2', 'DELETE FROM event_log'])
    assert.match(await mysql.raw(change).catch((error: Error) => error.message), /event_log is append-only/);
  await close();
});

test('the trigger of an older release, which refuses every DELETE, gives way to the one that knows archives', async () => {
  await givenDatabase('older');
  await mariadb.run('SET GLOBAL log_bin_trust_function_creators = 1');
  const url = urlOf('trial', 'older');
  await migrateTables(url);
  await mariadb.run(
    'DROP TRIGGER older.event_log_keeps_unarchived',
    `CREATE TRIGGER older.event_log_refuses_delete BEFORE DELETE ON older.event_log FOR EACH ROW
     SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'event_log is append-only'`,
  );

  const { guard } = await migrateTables(url);

  await mariadb.run('SET GLOBAL log_bin_trust_function_creators = 0');
  assert.is(guard.triggers, 'present');
  const { mysql, close } = connectMysql(url);
  const [triggers] = await mysql.raw('SHOW TRIGGERS');
  assert.equal((triggers as { Trigger: string }[]).map(({ Trigger }) => Trigger).sort(), [
    'event_log_keeps_unarchived',
    'event_log_refuses_update',
  ]);
  await close();
});

test('given a user who may not see triggers and may change the log, the guard is unknown, and start warns', async () => {
  await mariadb.run(...createUser('blind', 'everything', [{ privilege: 'SELECT, UPDATE', table: 'event_log' }]));
  const guard = await guardOf('blind', 'everything');
  assert.equal(guard, { triggers: 'unseen', grants: false });
  assert.match(missingGuard(guard) ?? '', /^event_log can be changed/);
});

test.after(async () => {
  await endPrograms();
  await mariadb.close();
});
test.run();
