import { setTimeout as sleep } from 'node:timers/promises';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { changePassword } from '../../src/commands/users/changePassword.ts';
import { logIn as logInCommand } from '../../src/commands/users/logIn.ts';
import type { Passwords } from '../../src/infra/passwords/passwords.ts';
import type { Mysql } from '../../src/infra/stores/mysql.ts';
import { createLog } from '../../src/infra/telemetry/log.ts';
import { openServer } from '../../src/server.ts';
import { openSystem } from '../../src/system.ts';
import { createDataDir } from '../support/dataDirs.ts';
import { createClient } from '../support/httpClient.ts';
import { openLossyProxy } from '../support/lossyProxy.ts';
import { endPrograms, startServer } from '../support/program.ts';
import { openTestStores } from '../support/testStores.ts';

const stores = await openTestStores();
const server = await openServer(stores.config, createLog(stores.config.logLevel));
const client = createClient(server.url);
/** Another process on the same stores. */
const { system, close: closeSystem } = await openSystem(stores.config, createLog(stores.config.logLevel));
const closers = [stores.close, server.close, closeSystem];
const address = '192.0.2.1';
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

  const later = await openServer(stores.config, createLog(stores.config.logLevel));

  assert.is((await createClient(later.url).list(token, 'ann')).status, 401);
  await later.close();
});

test('a process that lost Redis during the change accepts no earlier token, neither before nor after it is connected again', async () => {
  const redisSocket = decodeURIComponent(new URL(stores.config.redisUrl).pathname);
  const folder = createDataDir();
  const proxy = await openLossyProxy(redisSocket, folder);
  const redisUrl = `unix://${proxy.socket}`;
  const cutOff = await openServer({ ...stores.config, redisUrl }, createLog(stores.config.logLevel));
  closers.push(cutOff.close);
  const listThere = async () => (await createClient(cutOff.url).list(token, 'ann')).status;
  const token = await client.enter('zoe', 'customer');
  assert.is(await listThere(), 200);

  await proxy.close();
  assert.is((await change(token, 'secret', 'another secret')).status, 200);

  // Without its subscription, the process asks MySQL.
  assert.is(await listThere(), 401);
  const again = await openLossyProxy(redisSocket, folder);
  closers.push(again.close);
  let status = 503;
  while (status === 503) status = await listThere();
  assert.is(status, 401);
});

test('a second change revokes the tokens that were issued after the first', async () => {
  const first = await client.enter('kim', 'customer');
  await change(first, 'secret', 'second secret');
  const second = (await logIn('kim', 'second secret')).headers.get('authorization') ?? '';
  assert.is((await change(second, 'second secret', 'third secret')).status, 200);

  assert.is((await client.list(second, 'ann')).status, 401);
});

test('a log-in with the old password that is under way during the change gets a token that is refused', async () => {
  // Given a log-in on another process that has found the password right, and then waits.
  const token = await client.enter('tom', 'customer');
  let found = () => {};
  let goOn = () => {};
  const isFound = new Promise<void>((resolve) => (found = resolve));
  const mayGoOn = new Promise<void>((resolve) => (goOn = resolve));
  const slow: Passwords = {
    ...system.passwords,
    async matches(...args) {
      const result = await system.passwords.matches(...args);
      found();
      await mayGoOn;
      return result;
    },
  };
  const underWay = logInCommand({ ...system, passwords: slow }, { username: 'tom', password: 'secret', address });
  await isFound;

  assert.is((await change(token, 'secret', 'another secret')).status, 200);
  goOn();

  const late = await underWay;
  if (late === 'wrong-credentials' || late.type === 'limited') return assert.unreachable();
  assert.is((await client.list(late.token, 'tom')).status, 401);
});

test('when MySQL fails during a change, the old password stays right and the earlier tokens are refused', async () => {
  const token = await client.enter('ray', 'customer');
  let calls = 0;
  const failing = ((table: 'users') => {
    if (++calls > 1) throw new Error('connection lost');
    return system.mysql(table);
  }) as unknown as Mysql;
  const changing = changePassword(
    { ...system, mysql: failing },
    { username: 'ray', password: 'secret', newPassword: 'another secret', address },
  );
  assert.is(await changing.catch(({ message }) => message), 'connection lost');

  assert.is((await client.list(token, 'ray')).status, 401);
  assert.is((await logIn('ray', 'another secret')).status, 401);
  assert.is((await logIn('ray', 'secret')).status, 200);
});

test('a log-in with the old password is revoked as well when MySQL replaces the password late', async () => {
  const token = await client.enter('lee', 'customer');
  let late = '';
  let calls = 0;
  const slow = ((table: 'users') => {
    if (++calls === 1) return system.mysql(table);
    return {
      where: (row: object) => ({
        async update(change: object) {
          // The tokens of this second are newer than those that the change has revoked so far.
          await sleep(2_000);
          late = (await logIn('lee', 'secret')).headers.get('authorization') ?? '';
          assert.is((await client.list(late, 'ann')).status, 200);
          return system.mysql(table).where(row).update(change);
        },
      }),
    };
  }) as unknown as Mysql;
  const change = { username: 'lee', password: 'secret', newPassword: 'another secret', address };

  assert.is(await changePassword({ ...system, mysql: slow }, change), 'changed');

  for (const earlier of [token, late]) assert.is((await client.list(earlier, 'ann')).status, 401);
});

test('the right present password clears the failures before it', async () => {
  const token = await client.enter('ida', 'customer');
  const guesses = async () => {
    const { failuresPerPair } = stores.config.limits;
    const answers = await Promise.all(Array.from({ length: failuresPerPair - 1 }, () => logIn('ida', 'a guess')));
    return [...new Set(answers.map(({ status }) => status))];
  };
  assert.equal(await guesses(), [401]);

  assert.is((await change(token, 'secret', 'another secret')).status, 200);

  assert.equal(await guesses(), [401]);
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

test('a new password that a registration would refuse is refused, and so is a request without a token', async () => {
  const token = await client.enter('pia', 'customer');

  const short = await change(token, 'secret', '12345');
  const anonymous = await change('', 'secret', 'another secret');

  assert.is(short.status, 400);
  assert.is(short.body?.errMsg, 'Password too short.');
  // Half of a surrogate pair: in UTF-8, all of them would be the same character.
  const halves = await change(token, 'secret', '\ud800\ud800\ud800\ud800\ud800\ud800');
  assert.is(halves.status, 400);
  assert.is(halves.body?.errMsg, 'Password has unsupported characters.');
  assert.is(anonymous.status, 401);
  assert.is((await logIn('pia', 'secret')).status, 200);
});

test.after(async () => {
  await endPrograms();
  for (const close of closers.reverse()) await close();
});
test.run();
