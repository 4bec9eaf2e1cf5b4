import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createLog } from '../../src/infra/telemetry/log.ts';
import { openServer } from '../../src/server.ts';
import { createClient } from '../support/httpClient.ts';
import { endPrograms, startServer } from '../support/program.ts';
import { openTestStores } from '../support/testStores.ts';

const stores = await openTestStores();
const server = await openServer(stores.config, createLog(stores.config.logLevel));
const client = createClient(server.url);
const test = suite('a change of the password');
const change = (token: string, password: string, newPassword: string) =>
  client.send('POST', '/api/auth/password', { token, json: { password, newPassword } });
const logIn = (username: string, password: string) =>
  client.send('POST', '/api/auth', { json: { username, password } });

test('all earlier tokens of the user are refused on every process, and those of the next log-in are accepted', async () => {
  // Given two processes, which have accepted two tokens of bob, and a token of another user.
  const program = startServer(stores.environment);
  const other = createClient(await program.listening);
  const ann = await client.enter('ann', 'seller');
  await client.create(ann, 'ann', { name: 'sea', amount: 9, stock: 5 });
  const tokens = [await client.enter('bob', 'customer'), await other.enter('bob', 'customer')];
  for (const token of tokens) {
    for (const one of [client, other]) assert.is((await one.list(token, 'ann')).status, 200);
  }

  const { status, body } = await change(tokens[0] ?? '', 'secret', 'another secret');

  assert.is(status, 200);
  assert.equal(body, { errMsg: '' });
  for (const token of tokens) {
    for (const one of [client, other]) {
      assert.is((await one.list(token, 'ann')).status, 401);
      assert.is((await one.grab(token, 'ann', 'sea')).status, 401);
    }
  }
  assert.is((await logIn('bob', 'secret')).status, 401);
  const token = (await logIn('bob', 'another secret')).headers.get('authorization') ?? '';
  for (const one of [client, other]) assert.is((await one.list(token, 'ann')).status, 200);
  for (const one of [client, other]) assert.is((await one.list(ann, 'ann')).status, 200);
  program.kill('SIGTERM');
  assert.is((await program.ended).status, 0);
});

test('a process that starts later refuses the earlier tokens as well', async () => {
  const token = await client.enter('eve', 'customer');
  assert.is((await change(token, 'secret', 'another secret')).status, 200);

  const program = startServer(stores.environment);
  const later = createClient(await program.listening);

  assert.is((await later.list(token, 'ann')).status, 401);
  program.kill('SIGTERM');
  assert.is((await program.ended).status, 0);
});

test('a second change revokes the tokens that were issued after the first', async () => {
  const first = await client.enter('kim', 'customer');
  await change(first, 'secret', 'second secret');
  const second = (await logIn('kim', 'second secret')).headers.get('authorization') ?? '';
  assert.is((await change(second, 'second secret', 'third secret')).status, 200);

  assert.is((await client.list(second, 'ann')).status, 401);
});

test('a wrong present password changes nothing, and counts as a failed log-in', async () => {
  const token = await client.enter('max', 'customer');
  const { failuresPerPair } = stores.config.limits;

  const answers = await Promise.all(Array.from({ length: 100 }, () => change(token, 'a guess', 'another secret')));

  assert.is(answers.filter(({ status }) => status === 403).length, failuresPerPair);
  assert.is(answers.filter(({ status }) => status === 429).length, 100 - failuresPerPair);
  assert.is((await client.list(token, 'ann')).status, 200);
  assert.is((await logIn('max', 'a guess')).status, 429);
});

test('a new password that is too short is refused, and so is a request without a token', async () => {
  const token = await client.enter('pia', 'customer');

  const short = await change(token, 'secret', '12345');
  const anonymous = await change('', 'secret', 'another secret');

  assert.is(short.status, 400);
  assert.is(short.body?.errMsg, 'Password too short.');
  assert.is(anonymous.status, 401);
  assert.is((await logIn('pia', 'secret')).status, 200);
});

test.after(async () => {
  await endPrograms();
  await server.close();
  await stores.close();
});
test.run();
