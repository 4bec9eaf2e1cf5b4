import { readFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { connectMysql } from '../../../src/infra/stores/mysql.ts';
import { openMysql } from '../../../src/infra/stores/openMysql.ts';
import { createClient } from '../../support/httpClient.ts';
import { openOwnMariadb } from '../../support/ownMariadb.ts';
import { endPrograms, startProgram } from '../../support/program.ts';
import { openTestStores } from '../../support/testStores.ts';

// A MySQL server that another application, or an attacker, has configured.

// With a binary log, as MySQL has it, the privilege TRIGGER decides only with this setting.
const mariadb = await openOwnMariadb(['--log-bin-trust-function-creators=1']);
const stores = await openTestStores();
const transaction = mariadb.isMariadb ? 'tx' : 'transaction';
const test = suite('a MySQL server with unusual settings');

/** Each would lose, cut or refuse something, were it not set in each session. The second value is the default again. */
const hostile: [variable: string, value: string, usual: string][] = [
  ['autocommit', '0', '1'],
  ['completion_type', "'CHAIN'", "'NO_CHAIN'"],
  ['sql_mode', "''", "'STRICT_TRANS_TABLES'"],
  [`${transaction}_isolation`, "'SERIALIZABLE'", "'READ-COMMITTED'"],
  [`${transaction}_read_only`, '1', '0'],
  ['time_zone', "'-12:00'", "'SYSTEM'"],
  ['foreign_key_checks', '0', '1'],
  ['unique_checks', '0', '1'],
  ['sql_select_limit', '1', 'DEFAULT'],
  ['group_concat_max_len', '4', '1048576'],
  ['innodb_lock_wait_timeout', '1', '50'],
  ['character_set_client', "'latin1'", "'utf8mb4'"],
  ['character_set_connection', "'latin1'", "'utf8mb4'"],
  ['collation_connection', "'latin1_swedish_ci'", "'utf8mb4_general_ci'"],
];

test('given all of them, when users register and grab and the server stops, then MySQL has every row', async () => {
  // Not as root: init_connect is carried out for ordinary users alone.
  await mariadb.run(
    'CREATE USER app@localhost',
    'GRANT ALL ON seckill.* TO app@localhost',
    "SET GLOBAL init_connect = 'SET NAMES latin1'",
    ...hostile.map(([variable, value]) => `SET GLOBAL ${variable} = ${value}`),
  );
  const url = mariadb.url.replace('root@', 'app@');
  const program = startProgram('src/main.ts', { ...stores.environment, MYSQL_URL: url });
  const client = createClient(await program.listening);
  const [ann, bob] = [await client.enter('ann', 'seller'), await client.enter('bób 优'.replace(' ', '_'), 'customer')];
  assert.is((await client.create(ann, 'ann', { name: '优惠 券', amount: 3, stock: 5, description: 'é' })).status, 201);
  assert.is((await client.grab(bob, 'ann', '优惠 券')).status, 201);
  program.kill('SIGTERM');
  assert.is((await program.ended).status, 0);

  const { mysql, close } = connectMysql(url);
  const names = (await mysql('users').select('username').orderBy('id')).map(({ username }) => String(username));
  const [coupon] = await mysql('coupons').select('name', 'description', 'pieces_left');
  const grabs = await mysql('coupon_grabs').select('customer');
  await close();
  assert.equal(names, ['ann', 'bób_优']);
  assert.equal([String(coupon.name), coupon.description, coupon.pieces_left], ['优惠 券', 'é', 2]);
  assert.equal(
    grabs.map(({ customer }) => String(customer)),
    ['bób_优'],
  );
});

test('a new connection has our settings, whatever the server has', async () => {
  const { mysql, close } = connectMysql(mariadb.url.replace('root@', 'app@'));
  const [[row]] = await mysql.raw(
    `SELECT @@autocommit AS a, @@completion_type AS c, @@sql_mode AS m, @@${transaction}_isolation AS i, @@${transaction}_read_only AS r,
       @@time_zone AS z, @@foreign_key_checks AS f, @@unique_checks AS u, @@innodb_lock_wait_timeout AS w,
       @@character_set_client AS n, @@character_set_results AS s, @@sql_select_limit > 1000000 AS l`,
  );
  await close();
  assert.equal(
    { ...row, m: String(row.m).includes('STRICT_ALL_TABLES') },
    {
      a: 1,
      c: 'NO_CHAIN',
      m: true,
      i: 'READ-COMMITTED',
      r: 0,
      z: '+00:00',
      f: 1,
      u: 1,
      w: 5,
      n: 'utf8mb4',
      s: 'utf8mb4',
      l: 1,
    },
  );
});

test('given a read-only server, start is refused with one line', async () => {
  await mariadb.run(
    "SET GLOBAL init_connect = ''",
    ...hostile.map(([variable, , usual]) => `SET GLOBAL ${variable} = ${usual}`),
    'SET GLOBAL read_only = 1',
  );
  const message = await openMysql(mariadb.url.replace('root@', 'app@')).catch((error: Error) => error.message);
  await mariadb.run('SET GLOBAL read_only = 0');
  assert.match(String(message), /^MYSQL_URL: the server is read-only: [^\n]+$/);
});

const grants = 'SELECT, INSERT, UPDATE, DELETE, CREATE, DROP, ALTER, REFERENCES, TRIGGER, CREATE VIEW';

test('the grants of the one user for a trial in docs/OPERATIONS.md suffice for start, replay and verify', async () => {
  const documented = readFileSync(new URL('../../../docs/OPERATIONS.md', import.meta.url), 'utf8');
  assert.ok(documented.includes(`GRANT ${grants} ON seckill.* TO seckill_trial;`));
  await mariadb.run(
    'CREATE DATABASE granted',
    'CREATE USER granted@localhost',
    `GRANT ${grants} ON granted.* TO granted@localhost`,
  );
  const { environment, close } = await openTestStores({
    MYSQL_URL: mariadb.url.replace('root@', 'granted@').replace('/seckill?', '/granted?'),
  });
  const program = startProgram('src/main.ts', environment);
  const client = createClient(await program.listening);
  const ann = await client.enter('ann', 'seller');
  await client.create(ann, 'ann', { name: 'sea', amount: 3, stock: 5 });
  assert.is((await client.grab(await client.enter('bob', 'customer'), 'ann', 'sea')).status, 201);
  program.kill('SIGTERM');
  assert.is((await program.ended).status, 0);
  for (const [tool, ...args] of [['replay'], ['replay', '--until', '1'], ['verify']] as const) {
    const { status, stderr } = await startProgram(`src/tools/${tool}.ts`, environment, args.slice()).ended;
    assert.is(status, 0, `${tool} ${args}: ${stderr}`);
  }
  await close();
});

for (const missing of ['INSERT', 'CREATE', 'TRIGGER']) {
  test(`given a user without ${missing}, start is refused with one line that names it`, async () => {
    const user = `no_${missing.toLowerCase()}`;
    const granted = grants.split(', ').filter((privilege) => privilege !== missing);
    await mariadb.run(
      `CREATE DATABASE ${user}`,
      `CREATE USER ${user}@localhost`,
      `GRANT ${granted.join(', ')} ON ${user}.* TO ${user}@localhost`,
    );
    const url = mariadb.url.replace('root@', `${user}@`).replace('/seckill?', `/${user}?`);
    const message = await openMysql(url).catch((error: Error) => error.message);
    assert.match(String(message), new RegExp(`^MYSQL_URL: [^\n]*${missing}[^\n]*$`));
  });
}

test('given a database that does not exist, start is refused with the statement that creates it', async () => {
  const message = await openMysql(mariadb.url.replace('/seckill?', '/nosuch?')).catch((error: Error) => error.message);
  assert.match(String(message), /^MYSQL_URL: cannot reach MySQL: Unknown database 'nosuch'\. .*CREATE DATABASE/);
});

test.after(async () => {
  await endPrograms();
  await stores.close();
  await mariadb.close();
});
test.run();
