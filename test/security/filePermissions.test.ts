import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, lstatSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { openDataDir, socketDirOf } from '../../src/infra/local/dataDir.ts';
import { createDataDir } from '../support/dataDirs.ts';
import { root } from '../support/dockerfile.ts';
import { sendEveryRequest } from '../support/everyRequest.ts';
import { processTree, read } from '../support/processTree.ts';
import { endPrograms, startProgram, startServer } from '../support/program.ts';

const test = suite('attack: another user of the machine reads the files of the server');
// The most generous mask that a user can have: a file without permissions of its own is open to everybody.
process.umask(0);

const cast = { seller: 'ann', customer: 'bob', password: 'secret', newPassword: 'secret 2', wrongPassword: 'wrong' };

/** Every file, folder and socket of the folder that others may use in any way, with its permissions. */
function openToOthers(folder: string): string[] {
  const names = ['.', ...readdirSync(folder, { recursive: true, encoding: 'utf8' })];
  return names.flatMap((name) => {
    const found = lstatSync(join(folder, name), { throwIfNoEntry: false });
    const mode = found === undefined ? 0 : found.mode & 0o7777;
    return mode === 0o600 || mode === 0o700 || found === undefined ? [] : [`${name} ${mode.toString(8)}`];
  });
}

test('given private stores, then every file of DATA_DIR is 0600, every folder 0700 and every socket 0600, and so is an export', async () => {
  const dataDir = createDataDir();
  const file = join(dataDir, 'log.ndjson');
  const server = startServer({ DATA_DIR: dataDir, WORKERS: '2', ALLOW_REHEARSAL: '1' });
  await sendEveryRequest(await server.listening, cast);
  for (const [tool, ...args] of [['verify'], ['replay'], ['replay', '--until', '1'], ['exportLog', file]] as const)
    assert.is((await startProgram(`src/tools/${tool}.ts`, { DATA_DIR: dataDir }, [...args]).ended).status, 0, tool);

  assert.equal(openToOthers(dataDir), []);
  const sockets = readdirSync(dataDir).filter((name) => name.endsWith('.sock'));
  assert.equal(sockets.sort(), ['lock.sock', 'mariadb.sock', 'redis.sock']);
  for (const name of [...sockets, 'log.ndjson', 'jwt-secret'])
    assert.is(statSync(join(dataDir, name)).mode & 0o777, 0o600, name);

  // A store that is started again has a new socket.
  process.kill(Number(readFileSync(join(dataDir, 'mariadb/mariadb.pid'), 'utf8')), 'SIGKILL');
  const url = await server.listening;
  while ((await fetch(`${url}/readyz`)).status === 200);
  while ((await fetch(`${url}/readyz`)).status !== 200);
  // For a moment after its start the new socket has the permissions that MariaDB gave it, inside a folder that is closed.
  for (let tries = 0; tries < 250 && openToOthers(dataDir).length > 0; tries++) await sleep(20);
  assert.equal(openToOthers(dataDir), []);
  server.kill('SIGTERM');
  assert.is((await server.ended).status, 0);
});

test('given data that others may read, as from a backup, when the server starts, then they may not; files that are not its own stay', async () => {
  const dataDir = createDataDir();
  const first = startServer({ DATA_DIR: dataDir });
  await first.listening;
  first.kill('SIGTERM');
  await first.ended;
  for (const name of readdirSync(dataDir, { recursive: true, encoding: 'utf8' })) chmodSync(join(dataDir, name), 0o777);
  mkdirSync(join(dataDir, 'mine'));
  chmodSync(join(dataDir, 'mine'), 0o755);

  const second = startServer({ DATA_DIR: dataDir });
  await second.listening;
  assert.equal(openToOthers(dataDir), ['mine 755']);
  second.kill('SIGTERM');
  assert.is((await second.ended).status, 0);
});

test('a folder for sockets under /tmp that another user has prepared is refused', async () => {
  const dataDir = join(createDataDir(), 'x'.repeat(120));
  const [sockets, elsewhere] = [socketDirOf(dataDir), createDataDir()];
  chmodSync(elsewhere, 0o755);
  symlinkSync(elsewhere, sockets);
  const message = await openDataDir(dataDir).catch((error: Error) => error.message);
  rmSync(sockets);
  assert.match(String(message), /^DATA_DIR: cannot be used: .* belongs to another user/);
  assert.is(statSync(elsewhere).mode & 0o777, 0o755);
  assert.equal(readdirSync(elsewhere), []);
});

test('no process of npm start leaves a core file when it crashes, whatever the limit of the shell', async () => {
  const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const { PATH, HOME } = process.env;
  const settings = { DATA_DIR: createDataDir(), PORT: '0', WORKERS: '2', LOG_LEVEL: 'silent' };
  // npm runs a script with `sh -c` as well.
  const server = spawn('sh', ['-c', `ulimit -c "$(ulimit -H -c)"; exec sh -c '${scripts.start}'`], {
    cwd: root,
    env: { PATH, HOME, ...settings },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  while (!String(await once(server.stdout, 'data')).includes('listening on'));
  const pids = processTree(server.pid ?? 0);
  const limits = pids.map((pid) => [
    read(pid, 'cmdline').split('\0')[0],
    ...(/^Max core file size +(\S+) +(\S+)/m.exec(read(pid, 'limits')) ?? []).slice(1),
  ]);
  server.kill('SIGTERM');
  await once(server, 'exit');
  // The server, two workers, Redis and MariaDB.
  assert.is(limits.length, 5, JSON.stringify(limits));
  for (const [program, ...both] of limits) assert.equal(both, ['0', '0'], program);
});

test.after(endPrograms);
test.run();
