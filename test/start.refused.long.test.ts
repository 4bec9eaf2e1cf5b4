import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { openRedis } from '../src/infra/stores/redis.ts';
import { createLog } from '../src/infra/telemetry/log.ts';
import { createDataDir } from './support/dataDirs.ts';
import { endPrograms, startProgram, startServer } from './support/program.ts';
import { createDatabase, openTestStores } from './support/testStores.ts';

const test = suite('npm start, refused');
const secret = 'a secret of the tests that is long enough to be taken';

test('given a Redis that would lose acknowledged grabs, start is refused with one line and status 1', async () => {
  const stores = await openTestStores();
  const { redis, close } = await openRedis(stores.config.redisUrl, createLog('silent'));
  await redis.config('SET', 'appendfsync', 'everysec');
  const { status, stderr } = await startServer(stores.environment).ended;
  assert.is(status, 1);
  assert.match(stderr, /^REDIS_URL: [^\n]*appendfsync is everysec, must be always[^\n]*\n$/);
  const unsafe = startServer({ ...stores.environment, ALLOW_UNSAFE_REDIS: '1' });
  assert.is((await fetch(`${await unsafe.listening}/readyz`)).status, 200);
  unsafe.kill('SIGTERM');
  assert.is((await unsafe.ended).status, 0);
  await close();
  await stores.close();
});

for (const workers of ['1', '2']) {
  test(`a second server on the same data folder is refused with WORKERS=${workers}, and the first one goes on`, async () => {
    const dataDir = createDataDir();
    const first = startServer({ DATA_DIR: dataDir });
    const url = await first.listening;
    const { status, stderr } = await startServer({ DATA_DIR: dataDir, WORKERS: workers }).ended;
    assert.is(status, 1);
    assert.match(stderr, /^DATA_DIR: .* is in use by another seckill process\n$/);
    assert.is((await fetch(`${url}/readyz`)).status, 200);
    first.kill('SIGINT');
    await first.ended;
  });
}

const unreachable: [name: string, environment: NodeJS.ProcessEnv][] = [
  ['PORT', { PORT: 'eighty' }],
  ['JWT_SECRET', { REDIS_URL: 'redis://127.0.0.1:1' }],
  ['JWT_SECRET', { JWT_SECRET: 'a-string-secret-at-least-256-bits-long' }],
  ['JWT_SECRET', { JWT_SECRET: `${secret},${secret}`, WORKERS: '2' }],
  ['MYSQL_URL', { MYSQL_URL: 'mysql://root@127.0.0.1:1/x', REDIS_URL: 'redis://127.0.0.1:1', JWT_SECRET: secret }],
  ['MYSQL_URL', { MYSQL_URL: 'mysql://root@127.0.0.1:1', REDIS_URL: 'redis://127.0.0.1:1', JWT_SECRET: secret }],
  ['DATA_DIR', { DATA_DIR: '/dev/null/nowhere' }],
];
for (const [name, environment] of unreachable) {
  test(`given ${JSON.stringify(environment)}, start is refused with one line that names ${name}, and status 1`, async () => {
    const { status, stderr, stdout } = await startServer(environment).ended;
    assert.is(status, 1);
    assert.match(stderr, new RegExp(`^${name}: [^\n]+\n$`));
    assert.is(stdout, '');
  });
}

test('given an unreachable Redis, start is refused with one line that names REDIS_URL, and status 1', async () => {
  const environment = { MYSQL_URL: await createDatabase(), REDIS_URL: 'redis://127.0.0.1:1', JWT_SECRET: secret };
  const { status, stderr } = await startServer(environment).ended;
  assert.is(status, 1);
  assert.match(stderr, /^REDIS_URL: [^\n]+\n$/);
});

for (const workers of ['1', '2']) {
  test(`given a taken port and WORKERS=${workers}, start is refused with one line that names PORT, and status 1`, async () => {
    const stores = await openTestStores();
    const other = createServer().listen(0, '127.0.0.1');
    await sleep(10);
    const { port } = other.address() as AddressInfo;
    const { status, stderr } = await startServer({ ...stores.environment, PORT: String(port), WORKERS: workers }).ended;
    other.close();
    assert.is(status, 1);
    assert.match(stderr, new RegExp(`^PORT: ${port} [^\n]+\n$`));
    await stores.close();
  });
}

for (const file of ['src/main.ts', 'test/runTests.ts', 'bench/demo.ts']) {
  test(`${file} --help describes the command with status 0, and an unknown option ends with status 2`, async () => {
    const help = await startProgram(file, {}, ['--help']).ended;
    assert.is(help.status, 0);
    assert.match(help.stdout, /Usage: npm/);
    assert.is((await startProgram(file, {}, ['--no-such-option']).ended).status, 2);
  });
}

test.after(endPrograms);
test.run();
