import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { answers } from '../../src/infra/local/dataDir.ts';
import { createDataDir } from '../support/dataDirs.ts';
import { createClient } from '../support/httpClient.ts';
import { endPrograms, startProgram } from '../support/program.ts';

const test = suite('the tools on private servers');

test('a tool uses the private servers of a running npm start, and starts and stops them itself when none runs', async () => {
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
  for (const socket of ['redis.sock', 'mariadb.sock']) assert.not(await answers(join(dataDir, socket)));
});

test.after(endPrograms);
test.run();
