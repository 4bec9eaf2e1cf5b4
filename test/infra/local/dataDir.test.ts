import { rejects } from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { keptSecret, openDataDir } from '../../../src/infra/local/dataDir.ts';
import { createDataDir } from '../../support/dataDirs.ts';

const test = suite('the data folder');

test('only one process at a time can open the data folder, and the next one can after it is closed', async () => {
  const path = createDataDir();
  const first = await openDataDir(path);

  await rejects(() => openDataDir(path), /DATA_DIR: .* is in use/);

  await first.close();
  await (await openDataDir(path)).close();
});

test('the lock of a killed process does not keep the data folder locked', async () => {
  const path = createDataDir();
  const script = `require('node:net').createServer().listen(${JSON.stringify(join(path, 'lock.sock'))}, () => process.kill(process.pid, 'SIGKILL'))`;
  spawnSync(process.execPath, ['-e', script]);

  await (await openDataDir(path)).close();
});

test('a data folder whose path is too long for a socket gets a shorter folder for its sockets', async () => {
  const { dataDir, close } = await openDataDir(join(createDataDir(), 'x'.repeat(120)));

  assert.ok(dataDir.socketDir.length < 90);
  await close();
  assert.not(existsSync(dataDir.socketDir));
});

test('the secret is created once and read afterwards, and a damaged secret is refused', async () => {
  const path = createDataDir();
  const { dataDir, close } = await openDataDir(path);

  const secret = keptSecret(dataDir);

  assert.ok(secret.length >= 32);
  assert.is(keptSecret(dataDir), secret);
  truncateSync(join(path, 'jwt-secret'));
  assert.throws(() => keptSecret(dataDir), /^JWT_SECRET: .* is damaged/);
  await close();
});

test.run();
