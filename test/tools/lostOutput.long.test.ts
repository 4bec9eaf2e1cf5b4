import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createDataDir } from '../support/dataDirs.ts';
import { freePort } from '../support/freePort.ts';
import { endPrograms, startProgram } from '../support/program.ts';
import { openTestStores } from '../support/testStores.ts';
import { until } from '../support/until.ts';

// Output that nobody can read: a reader that has gone (EPIPE) and a full disk (ENOSPC). The work goes on, and ends as it would.

const test = suite('lost output');
const root = fileURLToPath(new URL('../..', import.meta.url));
const { environment, close } = await openTestStores();
const server = startProgram('src/main.ts', environment);
await server.listening;
server.kill('SIGTERM');
await server.ended;

type Loss = 'the reader has gone' | 'the disk is full';
const losses: readonly Loss[] = ['the reader has gone', 'the disk is full'];

function startWithout(loss: Loss, file: string, settings: NodeJS.ProcessEnv, args: readonly string[]) {
  const full = openSync('/dev/full', 'w');
  const out = loss === 'the disk is full' ? full : 'pipe';
  const { PATH, HOME } = process.env;
  const child = spawn(process.execPath, ['bin/run.mjs', file, ...args], {
    cwd: root,
    env: { PATH, HOME, WORKERS: '1', ARGON2_MEMORY_KIB: '8', ARGON2_PASSES: '1', LOG_LEVEL: 'debug', ...settings },
    stdio: ['ignore', out, out],
  });
  closeSync(full);
  child.stdout?.destroy();
  child.stderr?.destroy();
  return child;
}

/** Replaced by the path of a file that does not exist. */
const NEW_FILE = 'a new file';

/** A program joins by a line: its file, its arguments, its exit status. */
const tools: [file: string, args: string[], status: number][] = [
  ['src/tools/verify.ts', [], 0],
  ['src/tools/verify.ts', ['--coupon', 'no/such'], 1],
  ['src/tools/verify.ts', ['--nosuch'], 2],
  ['src/tools/replay.ts', [], 0],
  ['src/tools/replay.ts', ['--verify'], 0],
  ['src/tools/exportLog.ts', [NEW_FILE], 0],
  ['src/tools/migrate.ts', [], 0],
];

for (const loss of losses) {
  for (const [file, args, status] of tools) {
    test(`when ${loss}, then ${file} ${args.join(' ')} ends with status ${status}`, async () => {
      const given = args.map((arg) => (arg === NEW_FILE ? join(createDataDir(), 'log.ndjson') : arg));
      const [code, signal] = await once(startWithout(loss, file, environment, given), 'close');
      assert.equal([code, signal], [status, null]);
    });
  }

  test(`when ${loss}, then the server sells, starts a private store again, and leaves none behind when it stops`, async () => {
    const [dataDir, port] = [createDataDir(), await freePort()];
    const settings = { DATA_DIR: dataDir, PORT: String(port) };
    const child = startWithout(loss, 'src/main.ts', settings, []);
    const isReady = async () => (await fetch(`http://127.0.0.1:${port}/readyz`).catch(() => undefined))?.status === 200;
    const becomesReady = async () => {
      for (const limit = Date.now() + 60_000; !(await isReady()); await sleep(50))
        assert.ok(Date.now() < limit && child.exitCode === null, 'the server is not ready');
    };
    await becomesReady();
    // What the server announces when it starts a store again is written to standard output, too.
    const pidFile = join(dataDir, 'redis/redis.pid');
    const killed = readFileSync(pidFile, 'utf8');
    process.kill(Number(killed), 'SIGKILL');
    // The server may be unready for so short a time that no request falls into it.
    const pidNow = () => (existsSync(pidFile) ? readFileSync(pidFile, 'utf8') : '');
    await until('another Redis is started', () => !['', killed].includes(pidNow()));
    await becomesReady();
    child.kill('SIGTERM');
    const [code] = await once(child, 'close');
    assert.is(code, 0);
    assert.is(existsSync(pidFile), false);
    assert.is(existsSync(join(dataDir, 'mariadb/mariadb.pid')), false);
  });
}

test.after(async () => {
  await endPrograms();
  await close();
});
test.run();
