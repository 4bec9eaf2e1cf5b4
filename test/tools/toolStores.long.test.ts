import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { answers } from '../../src/infra/local/dataDir.ts';
import { connectMysql } from '../../src/infra/stores/mysql.ts';
import { openMysql } from '../../src/infra/stores/openMysql.ts';
import { withoutSecrets } from '../../src/tools/toolStores.ts';
import { createDataDir } from '../support/dataDirs.ts';
import { createClient } from '../support/httpClient.ts';
import { endPrograms, startProgram } from '../support/program.ts';
import { createDatabase, openTestStores } from '../support/testStores.ts';

const test = suite('the stores of the tools');

/** The tools that read the stores and must not create any. */
const readers: [tool: string, ...args: string[]][] = [
  ['verify'],
  ['replay'],
  ['replay', '--until', '1'],
  ['exportLog', join(createDataDir(), 'log.ndjson')],
];
const runTool = (environment: NodeJS.ProcessEnv, [tool, ...args]: [tool: string, ...args: string[]]) =>
  startProgram(`src/tools/${tool}.ts`, environment, args).ended;
const assertRefused = (ended: { status: number | null; stdout: string; stderr: string }, message: RegExp) => {
  assert.is(ended.status, 1, ended.stdout + ended.stderr);
  assert.is(ended.stdout, '');
  assert.match(ended.stderr, message);
  assert.is(ended.stderr.trim().split('\n').length, 1, ended.stderr);
};

test('a tool names and uses the private servers of a running npm start, and starts and stops them itself when none runs', async () => {
  const dataDir = createDataDir();
  const run = (tool: string) => startProgram(`src/tools/${tool}.ts`, { DATA_DIR: dataDir }).ended;
  const server = startProgram('src/main.ts', { DATA_DIR: dataDir });
  const client = createClient(await server.listening);
  const ann = await client.enter('ann', 'seller');
  await client.create(ann, 'ann', { name: 'sea', amount: 2, stock: 5 });

  const beside = await run('replay');
  assert.is(beside.status, 0, beside.stderr);
  const bob = await client.enter('bob', 'customer');
  assert.is((await client.grab(bob, 'ann', 'sea')).status, 201);
  server.kill('SIGTERM');
  await server.ended;

  const alone = await run('verify');
  assert.is(alone.status, 0, alone.stdout + alone.stderr);
  assert.match(alone.stdout, /^all agree$/m);
  const [named] = alone.stderr.split('\n');
  assert.match(String(named), /^MySQL: mysql:\/\/root@localhost\/seckill\?socketPath=.*; Redis: unix:\/\//);
  assert.is(named?.split(`(private, DATA_DIR ${dataDir})`).length, 3);
  for (const socket of ['redis.sock', 'mariadb.sock']) assert.not(await answers(join(dataDir, socket)));
});

for (const reader of readers) {
  test(`${reader[0]} ${reader.slice(1, 2)} in a folder without private data is refused in one line and creates nothing`, async () => {
    const empty = createDataDir();
    const absent = join(empty, 'absent');
    assertRefused(await runTool({ DATA_DIR: absent }, reader), /^DATA_DIR: .*absent has no data of a private MariaDB/);
    assert.not(existsSync(absent));
    assert.equal(readdirSync(empty), []);
  });
}

test('a database that is missing, empty, or of an older version is refused in one line and is not migrated', async () => {
  const { config, close } = await openTestStores();
  const { mysqlUrl, redisUrl } = config;
  const absent = mysqlUrl.replace(/test_\w+/, 'test_absent');
  const older = await createDatabase();
  const { mysql, close: closeOlder } = await openMysql(older);
  await mysql('knex_migrations').where({ name: '0003_replay' }).delete();
  const empty = connectMysql(mysqlUrl);
  const run = (MYSQL_URL: string, reader = readers[0]) =>
    runTool({ MYSQL_URL, REDIS_URL: redisUrl }, reader as (typeof readers)[number]);
  for (const reader of readers)
    assertRefused(await run(mysqlUrl, reader), /has no tables of seckill: start the server once/);
  assertRefused(await run(absent), /there is no database test_absent/);
  assertRefused(await run(older), /older version \(0003_replay is missing\): run `npm run migrate` first/);
  assert.equal((await empty.mysql.raw('SHOW TABLES'))[0], []);
  assert.is((await mysql('knex_migrations').where({ name: '0003_replay' })).length, 0);
  await empty.close();
  await closeOlder();
  await close();
});

test('verify on a Redis that no server has built is refused in one line', async () => {
  const { config, close } = await openTestStores();
  await (await openMysql(config.mysqlUrl)).close();
  const ended = await runTool({ MYSQL_URL: config.mysqlUrl, REDIS_URL: config.redisUrl }, ['verify']);
  await close();
  assertRefused(ended, /Redis has not been built yet: start the server once/);
});

test('verify on private data that was imported, and that no server has started on, says that Redis has not been built', async () => {
  const dataDir = createDataDir();
  assert.is((await runTool({ DATA_DIR: dataDir }, ['migrate'])).status, 0);
  assertRefused(
    await runTool({ DATA_DIR: dataDir }, ['verify']),
    /Redis has not been built yet: start the server once/,
  );
  assert.not(existsSync(join(dataDir, 'redis')));
});

test('the name of a store shows no password', () => {
  assert.is(withoutSecrets('redis://ann:secret@host:6379/1?password=secret'), 'redis://ann@host:6379/1');
  assert.is(
    withoutSecrets('mysql://ann:secret@host/sale?socketPath=/x/y.sock'),
    'mysql://ann@host/sale?socketPath=/x/y.sock',
  );
});

test.after(endPrograms);
test.run();
