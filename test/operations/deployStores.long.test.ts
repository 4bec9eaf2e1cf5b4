import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { connectMysql } from '../../src/infra/stores/mysql.ts';
import { openComposeStores } from '../support/composeStores.ts';
import { createClient } from '../support/httpClient.ts';
import { endPrograms, startProgram } from '../support/program.ts';

// Runs the tools and the server on a real Redis and MariaDB with the settings, users and privileges of compose.yml.

const { environment, close } = await openComposeStores();
const test = suite('the stores of compose.yml');
const { MYSQL_URL = '' } = environment;
const run = (tool: string, given: NodeJS.ProcessEnv = environment) => startProgram(`src/tools/${tool}.ts`, given).ended;

test('npm run migrate needs only MYSQL_URL, prints the migrations that it ran, and runs each of them once', async () => {
  const first = await run('migrate', { MYSQL_URL });
  const second = await run('migrate', { MYSQL_URL });

  assert.is(first.status, 0, first.stderr);
  // One line: the triggers of event_log are there.
  assert.match(first.stdout, /^migrated: 0001_tables, [^\n]+\n$/);
  assert.is(second.stdout, 'the tables are up to date\n');
});

test('npm run migrate exits with 1 and one line when MySQL is unreachable, and with 2 for an unknown option', async () => {
  const unreachable = await run('migrate', { MYSQL_URL: 'mysql://root@127.0.0.1:1/x' });
  const unknownOption = await startProgram('src/tools/migrate.ts', { MYSQL_URL }, ['--no-such-option']).ended;

  assert.is(unreachable.status, 1);
  assert.match(unreachable.stderr, /^MYSQL_URL: [^\n]+\n$/);
  assert.is(unknownOption.status, 2);
});

test('the server accepts this Redis without ALLOW_UNSAFE_REDIS and decides a grab', async () => {
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

for (const [tool, ...args] of [['replay'], ['replay', '--until', '1'], ['verify']] as const) {
  test(`npm run ${[tool, ...args].join(' ')} succeeds with the privileges of compose.yml`, async () => {
    const { status, stdout, stderr } = await startProgram(`src/tools/${tool}.ts`, environment, args.slice()).ended;

    assert.is(status, 0, stdout + stderr);
  });
}

test('MariaDB writes every commit to disk, in strict mode and with utf8mb4', async () => {
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
