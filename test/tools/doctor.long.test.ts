import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { openMysql } from '../../src/infra/stores/openMysql.ts';
import { openRedis } from '../../src/infra/stores/redis.ts';
import { createLog } from '../../src/infra/telemetry/log.ts';
import { createDataDir } from '../support/dataDirs.ts';
import { endPrograms, startProgram } from '../support/program.ts';
import { openTestStores } from '../support/testStores.ts';

const { environment, config, close } = await openTestStores();
const { mysql, close: closeMysql } = await openMysql(config.mysqlUrl);
const { redis, close: closeRedis } = await openRedis(config.redisUrl, createLog('silent'));
const test = suite('npm run doctor');

const doctor = (more: NodeJS.ProcessEnv = {}, ...args: string[]) =>
  startProgram('src/tools/doctor.ts', { ...environment, ...more }, args).ended;

test('given two good stores, it prints a table, exits with 0, and has changed nothing', async () => {
  const state = async () => [
    await redis.keys('*'),
    (await mysql.raw('CHECKSUM TABLE event_log, coupons, users, revoked_tokens, lease, projection_pause'))[0],
    (await mysql.raw('SHOW TABLES'))[0],
  ];
  const before = JSON.stringify(await state());

  const { status, stdout, stderr } = await doctor();

  assert.is(status, 0, stdout + stderr);
  assert.match(stdout, /│ Redis +│ appendfsync +│ always +│ good │/);
  assert.match(stdout, /│ speed +│ a grab +│ 201 after about [\d.]+ ms/);
  assert.is(stdout.trimEnd().split('\n').at(-1), 'ready for a sale');
  assert.match(stderr, /^MySQL: mysql:.*; Redis: unix:.*\n$/);
  assert.is(JSON.stringify(await state()), before);
});

test('given an unsafe store, it exits with 1, and names the problem and how to mend it', async () => {
  await redis.config('SET', 'appendfsync', 'everysec');
  const { status, stdout } = await doctor();
  const asJson = await doctor({}, '--json');
  await redis.config('SET', 'appendfsync', 'always');

  assert.is(status, 1);
  assert.match(stdout, /^UNSAFE: Redis, appendfsync: .* Mend: CONFIG SET appendfsync always/m);
  assert.match(stdout, /^1 to be mended before a sale$/m);
  assert.is(asJson.status, 1);
  const { safe, findings } = JSON.parse(asJson.stdout);
  assert.is(safe, false);
  const [found, ...more] = findings.filter(({ verdict }: { verdict: string }) => verdict === 'unsafe');
  assert.equal(more, []);
  assert.equal(Object.keys(found), ['area', 'name', 'value', 'verdict', 'why', 'mend']);
  assert.equal([found.area, found.name, found.value], ['Redis', 'appendfsync', 'everysec']);
});

const unreachable: [store: string, other: string, setting: NodeJS.ProcessEnv, url: RegExp][] = [
  ['Redis', 'MySQL', { REDIS_URL: 'redis://ann:hidden@127.0.0.1:1' }, /REDIS_URL: cannot reach Redis: .*ECONNREFUSED/],
  [
    'MySQL',
    'Redis',
    { MYSQL_URL: 'mysql://ann:hidden@127.0.0.1:1/x' },
    /MYSQL_URL: cannot reach MySQL: .*ECONNREFUSED/,
  ],
];
for (const [store, other, setting, message] of unreachable) {
  test(`given a ${store} that cannot be reached, it says so, examines ${other} all the same, and exits with 1`, async () => {
    const { status, stdout, stderr } = await doctor(setting);
    assert.is(status, 1);
    assert.match(stdout, new RegExp(`^UNSAFE: ${store}, connection: `, 'm'));
    assert.match(stdout, message);
    assert.match(stdout, new RegExp(`│ ${other} +│ version `));
    assert.not.match(stdout + stderr, /hidden/);
  });
}

test('in a folder without private stores it is refused in one line; a wrong option is exit status 2', async () => {
  const refused = await startProgram('src/tools/doctor.ts', { DATA_DIR: createDataDir() }).ended;
  assert.is(refused.status, 1);
  assert.match(refused.stderr, /^DATA_DIR: [^\n]+\n$/);
  assert.is((await doctor({}, '--wrong')).status, 2);
  const wrong = await doctor({ WORKERS: 'many' });
  assert.is(wrong.status, 1);
  assert.match(wrong.stderr, /^WORKERS: [^\n]+\n$/);
});

test.after(async () => {
  await endPrograms();
  await closeRedis();
  await closeMysql();
  await close();
});
test.run();
