import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { connectMysql } from '../../src/infra/stores/mysql.ts';
import { openComposeStores } from '../support/composeStores.ts';
import { createClient } from '../support/httpClient.ts';
import { endPrograms, startProgram } from '../support/program.ts';

// The settings, user and rights that compose.yml gives to Redis and MariaDB, on real ones.

const { environment, close } = await openComposeStores();
const test = suite('the stores of compose.yml');
const { MYSQL_URL = '' } = environment;
const run = (tool: string, given: NodeJS.ProcessEnv = environment) => startProgram(`src/tools/${tool}.ts`, given).ended;

test('npm run migrate needs MYSQL_URL alone, says what it did, and does it once', async () => {
  const first = await run('migrate', { MYSQL_URL });
  assert.is(first.status, 0, first.stderr);
  assert.match(first.stdout, /^migrated: 0001_tables, /);
  const second = await run('migrate', { MYSQL_URL });
  assert.is(second.stdout, 'the tables are up to date\n');
});

test('npm run migrate: a MySQL that is not there is one line and exit 1, an unknown option exit 2', async () => {
  const { status, stderr } = await run('migrate', { MYSQL_URL: 'mysql://root@127.0.0.1:1/x' });
  assert.is(status, 1);
  assert.match(stderr, /^MYSQL_URL: [^\n]+\n$/);
  assert.is((await startProgram('src/tools/migrate.ts', { MYSQL_URL }, ['--no-such-option']).ended).status, 2);
});

test('the server takes this Redis without ALLOW_UNSAFE_REDIS, and sells', async () => {
  assert.not('ALLOW_UNSAFE_REDIS' in environment);
  const server = startProgram('src/main.ts', { ...environment, LOG_LEVEL: 'silent' });
  const client = createClient(await server.listening);
  const ann = await client.enter('ann', 'seller');
  await client.create(ann, 'ann', { name: 'sea', amount: 1, stock: 5 });
  const bob = await client.enter('bob', 'customer');
  assert.is((await client.grab(bob, 'ann', 'sea')).status, 201);
  server.kill('SIGTERM');
  assert.is((await server.ended).status, 0);
});

for (const tool of ['replay', 'verify']) {
  test(`npm run ${tool} may do all it needs`, async () => {
    const { status, stdout, stderr } = await run(tool);
    assert.is(status, 0, stdout + stderr);
  });
}

test('MariaDB keeps what it commits, in strict mode and utf8mb4', async () => {
  const { mysql, close: closeMysql } = connectMysql(MYSQL_URL);
  const [[settings]] = await mysql.raw(
    'SELECT @@innodb_flush_log_at_trx_commit AS flush, @@GLOBAL.sql_mode AS mode, @@character_set_database AS charset',
  );
  await closeMysql();
  assert.is(settings.flush, 1);
  assert.match(settings.mode, /STRICT_ALL_TABLES/);
  assert.is(settings.charset, 'utf8mb4');
});

test.after(async () => {
  await endPrograms();
  await close();
});
test.run();
