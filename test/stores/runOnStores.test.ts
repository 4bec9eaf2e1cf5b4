import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createDataDir } from '../support/dataDirs.ts';
import { endPrograms, startProgram } from '../support/program.ts';

const test = suite('npm run test:stores without a download');
const run = (environment: NodeJS.ProcessEnv, ...args: string[]) =>
  startProgram('test/stores/runOnStores.ts', environment, [...args, '--cache', createDataDir()]).ended;

const obstacles: [what: string, environment: NodeJS.ProcessEnv, reason: RegExp][] = [
  [
    'without apt',
    { PATH: '/nonexistent' },
    /^skipped: MySQL cannot be downloaded \(apt-get not found: this needs Debian\)\n$/,
  ],
  [
    'without a connection',
    { http_proxy: 'http://127.0.0.1:1', https_proxy: 'http://127.0.0.1:1' },
    /^skipped: MySQL cannot be downloaded \([^\n]+\)\n$/,
  ],
];
for (const [what, environment, reason] of obstacles) {
  test(`${what}, the exit status is 75, and one line says why`, async () => {
    const { status, stdout, stderr } = await run(environment, 'mysql');
    assert.is(status, 75, stdout + stderr);
    assert.match(stdout, reason);
    assert.not.match(stdout, /https?:/);
    assert.is(stderr, '');
  });
}

test('another store than the four is wrong usage', async () => {
  const { status, stderr } = await run({}, 'oracle');
  assert.is(status, 2);
  assert.match(stderr, /mysql, mariadb, redis, valkey/);
});

test.after(endPrograms);
test.run();
