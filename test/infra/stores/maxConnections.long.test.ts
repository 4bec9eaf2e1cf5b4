import { setTimeout as sleep } from 'node:timers/promises';
import { type Connection, createConnection } from 'mysql2/promise';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { migrateTables, openMysql } from '../../../src/infra/stores/openMysql.ts';
import { createUser, documentedGrants } from '../../support/documentedGrants.ts';
import { createClient } from '../../support/httpClient.ts';
import { openOwnMariadb } from '../../support/ownMariadb.ts';
import { endPrograms, startProgram } from '../../support/program.ts';
import { openTestStores } from '../../support/testStores.ts';

// Another application takes all connections that MySQL gives (max_connections).

const mariadb = await openOwnMariadb(['--max-connections=16']);
await migrateTables(mariadb.url);
await mariadb.run(...createUser('seckill', 'seckill', documentedGrants('seckill')), 'CREATE USER other@localhost');
const url = mariadb.url.replace('root@', 'seckill@');
const stores = await openTestStores({ MYSQL_URL: url });
const socketPath = new URL(url).searchParams.get('socketPath') ?? '';
// A user with all privileges has one connection more. It is opened before there are none.
const root = await createConnection({ socketPath, user: 'root' });
const taken: Connection[] = [];
const test = suite('max_connections used up');

async function serverConnections(): Promise<number[]> {
  const [rows] = await root.query("SELECT id AS id FROM information_schema.processlist WHERE user = 'seckill'");
  return (rows as { id: number }[]).map(({ id }) => id);
}

/** How many connections MySQL counts beside `root` and those taken: a killed one for a moment after it has left the process list. */
async function otherConnections(): Promise<number> {
  const [[counted]] = (await root.query("SHOW GLOBAL STATUS LIKE 'Threads_connected'")) as unknown as [
    [{ Value: string }],
  ];
  return Number(counted.Value) - taken.length - 1;
}

/** Ends the connections of the server and takes their places, until it has none. */
async function takeAll(): Promise<void> {
  for (const limit = Date.now() + 20_000; Date.now() < limit; ) {
    for (const id of await serverConnections()) await root.query(`KILL ${id}`).catch(() => {});
    // While a killed connection is counted, a refusal does not mean that all places are taken: one is free a moment later.
    const isAlone = (await otherConnections()) === 0;
    for (let refused = false; !refused; )
      await createConnection({ socketPath, user: 'other' }).then(
        (connection) => {
          connection.on('error', () => {});
          taken.push(connection);
        },
        ({ code }) => {
          assert.is(code, 'ER_CON_COUNT_ERROR');
          refused = true;
        },
      );
    if (isAlone && (await otherConnections()) === 0 && (await serverConnections()).length === 0) return;
  }
  throw new Error('the server keeps a connection');
}

async function becomes(what: string, isSo: () => Promise<boolean>): Promise<void> {
  for (const limit = Date.now() + 30_000; Date.now() < limit; await sleep(50)) if (await isSo()) return;
  throw new Error(`not so within 30 s: ${what}`);
}

test('grabs go on, log-ins get 503 with Retry-After, a start is refused in one line; afterwards all is as if nothing had been', async () => {
  // Given a sale.
  const program = startProgram('src/main.ts', stores.environment);
  const client = createClient(await program.listening);
  const ann = await client.enter('ann', 'seller');
  assert.is((await client.create(ann, 'ann', { name: 'sea', amount: 5, stock: 1 })).status, 201);
  const [bob, eve] = [await client.enter('bob', 'customer'), await client.enter('eve', 'customer')];
  const logIn = () => client.send('POST', '/api/auth', { json: { username: 'bob', password: 'secret' } });
  const holders = () => client.send('GET', '/api/users/ann/coupons/sea/holders', { token: ann });

  await takeAll();

  assert.is((await client.grab(bob, 'ann', 'sea')).status, 201);
  assert.is((await client.grab(eve, 'ann', 'sea')).status, 201);
  assert.is((await client.grab(eve, 'ann', 'sea')).headers.get('grab-outcome'), 'already-grabbed');
  assert.is((await client.list(ann, 'ann')).body?.data !== undefined, true);
  for (const answer of [await logIn(), await holders(), await client.register('zoe', 'customer')]) {
    assert.is(answer.status, 503, JSON.stringify(answer.body));
    assert.ok(answer.headers.has('retry-after'));
  }
  const refused = await openMysql(url).catch((error: Error) => error.message);
  assert.match(String(refused), /^MYSQL_URL: cannot reach MySQL: Too many connections[^\n]*$/);

  for (const connection of taken) connection.destroy();

  await becomes('log-ins work', async () => (await logIn()).status === 200);
  await becomes('the grabs are in MySQL', async () => {
    const [rows] = await root.query('SELECT COUNT(*) AS grabs FROM seckill.coupon_grabs');
    return (rows as { grabs: number }[])[0]?.grabs === 2;
  });
  assert.is((await client.register('zoe', 'customer')).status, 201);
  assert.is((await holders()).status, 200);
  program.kill('SIGTERM');
  assert.is((await program.ended).status, 0);
  const verified = await startProgram('src/tools/verify.ts', { ...stores.environment, MYSQL_URL: mariadb.url }).ended;
  assert.is(verified.status, 0, verified.stdout + verified.stderr);
});

test.after(async () => {
  await endPrograms();
  root.destroy();
  await stores.close();
  await mariadb.close();
});
test.run();
