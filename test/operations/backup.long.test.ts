import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type Closer, openAll } from '../../src/infra/closers.ts';
import { openDataDir } from '../../src/infra/local/dataDir.ts';
import { ensurePrograms, findProgram } from '../../src/infra/local/install.ts';
import { openLocalMariadb } from '../../src/infra/local/localMariadb.ts';
import { openLocalRedis } from '../../src/infra/local/localRedis.ts';
import { outboxDepth } from '../../src/infra/outbox.ts';
import { connectRedis } from '../../src/infra/shards/connectRedis.ts';
import { createLog } from '../../src/infra/telemetry/log.ts';
import { createDataDir } from '../support/dataDirs.ts';
import { type Client, createClient } from '../support/httpClient.ts';
import { endPrograms, startProgram } from '../support/program.ts';

// The commands of docs/OPERATIONS.md, read from the document: a sale is backed up while it runs, and restored into empty stores.

ensurePrograms(['mariadb-dump'], console.log);
const root = fileURLToPath(new URL('../..', import.meta.url));
const operations = readFileSync(join(root, 'docs/OPERATIONS.md'), 'utf8');
const closers: Closer[] = [];
const CUSTOMERS = 12;
const test = suite('backup and restore');

/** The commands of the n-th shell block after a heading. */
function documentedCommands(heading: string, n = 1): string[] {
  const [, section = ''] = operations.split(`\n### ${heading}\n`);
  const block = [...section.matchAll(/^```sh\n([\s\S]*?)^```$/gm)][n - 1]?.[1];
  assert.ok(block, `${heading}, block ${n}`);
  return String(block).trim().split('\n');
}
const backUpRedis = documentedCommands('Backup').slice(0, -1);
const backUpMysql = documentedCommands('Backup').slice(-1);
const [restoreRedis, ...restoreMysql] = documentedCommands('Restore') as [string, ...string[]];
const start = documentedCommands('Restore', 2);

/** A new Redis and a new MariaDB, each with a folder of its own. Redis starts when `startRedis` is called. */
const openStores = () =>
  openAll(async (remember) => {
    const { dataDir, close } = await openDataDir(createDataDir());
    remember(close);
    const mariadb = await openLocalMariadb(dataDir, findProgram('mariadbd') ?? '');
    remember(mariadb.close);
    const folder = join(dataDir.path, 'redis');
    const socket = (url: string) => String(new URL(url).searchParams.get('socketPath'));
    const redisSocket = join(dataDir.socketDir, 'redis.sock');
    const environment = {
      REDIS_URL: `unix://${redisSocket}`,
      MYSQL_URL: mariadb.url,
      JWT_SECRET: 'a secret of the tests that is long enough to be taken',
    };
    const startRedis = async () => {
      const redis = await openLocalRedis(dataDir, 'redis-server');
      remember(redis.close);
    };
    mkdirSync(folder, { recursive: true });
    /** Carries out documented commands, with the places of these stores. */
    const carryOut = async (commands: readonly string[], backup: string) => {
      for (const command of commands) {
        const here = command
          .replace('-h REDIS_HOST', `-s ${redisSocket}`)
          .replace('--host=HOST --user=USER --password', `--socket=${socket(mariadb.url)} --user=root`)
          .replace(/\bDATABASE\b/, 'seckill')
          .replace('/var/lib/redis', folder)
          .replaceAll(/\bbackup(?=[/ ]|$)/g, backup);
        const child = spawn('sh', ['-c', here], { cwd: root, env: { ...process.env, ...environment } });
        let output = '';
        for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += chunk));
        const [status] = await once(child, 'close');
        assert.is(status, 0, `${here}: ${output}`);
      }
    };
    return { environment, startRedis, carryOut, folder };
  });
type Stores = Awaited<ReturnType<typeof openStores>>;

async function givenStores(): Promise<Stores> {
  const stores = await openStores();
  closers.push(stores.close);
  return stores;
}

async function serverOn({ environment }: Stores) {
  const server = startProgram('src/main.ts', environment);
  return { client: createClient(await server.listening), server };
}

async function outboxEmpties({ environment }: Stores): Promise<void> {
  const { redis, close } = connectRedis(environment.REDIS_URL, createLog('silent'));
  await redis.connect();
  while ((await outboxDepth(redis)) > 0) await sleep(20);
  await close();
}

const verify = ({ environment }: Stores) => startProgram('src/tools/verify.ts', environment).ended;

/** Sells one coupon after another to all customers until it is stopped. `won` has each grab that was answered with 201. */
function sell(client: Client, seller: string, customers: ReadonlyMap<string, string>) {
  const won: { customer: string; name: string; key: string }[] = [];
  let stopped = false;
  const selling = (async () => {
    for (let i = 0; !stopped; i++) {
      const name = `coupon ${i}`;
      await client.create(seller, 'ann', { name, amount: CUSTOMERS - 2, stock: 5 });
      const grabs = [...customers].map(async ([customer, token]) => {
        const key = `${customer} ${i}`;
        if ((await client.grab(token, 'ann', name, key)).status === 201) won.push({ customer, name, key });
      });
      await Promise.all(grabs);
    }
  })();
  const stop = async () => {
    stopped = true;
    await selling;
  };
  const reach = async (number: number) => {
    while (won.length < number) await sleep(20);
  };
  return { won, stop, reach };
}

async function enterAll(client: Client): Promise<Map<string, string>> {
  const names = Array.from({ length: CUSTOMERS }, (_, i) => `customer-${i}`);
  return new Map(await Promise.all(names.map(async (name) => [name, await client.enter(name, 'customer')] as const)));
}

test('the documented backup of a running sale is restored into empty stores with every 201 before it', async () => {
  // Given a sale under load, and a token that was revoked.
  const old = await givenStores();
  await old.startRedis();
  const before = await serverOn(old);
  const ann = await before.client.enter('ann', 'seller');
  const revoked = await before.client.enter('eve', 'customer');
  assert.is((await before.client.send('POST', '/api/auth/logout', { token: revoked })).status, 200);
  const customers = await enterAll(before.client);
  const sale = sell(before.client, ann, customers);
  await sale.reach(200);

  // When the documented commands make a backup meanwhile, and everything is lost some time later.
  const answered = [...sale.won];
  const backup = createDataDir();
  await old.carryOut(backUpRedis, backup);
  await sale.reach(sale.won.length + 100);
  await old.carryOut(backUpMysql, backup);
  await sale.reach(sale.won.length + 100);
  await sale.stop();
  before.server.kill('SIGKILL');
  await before.server.ended;
  await old.close();
  const stores = await givenStores();
  await stores.carryOut([restoreRedis], backup);
  await stores.startRedis();
  await stores.carryOut(restoreMysql, backup);
  const { client, server } = await serverOn(stores);

  assert.equal(start, ['npm start', 'npm run verify']);

  // Then the stores agree, and each customer has each piece that was answered before the backup.
  const { status, stdout, stderr } = await verify(stores);
  assert.is(status, 0, stdout + stderr);
  assert.match(stdout, /^all agree$/m);
  for (const { customer, name, key } of answered) {
    const token = customers.get(customer) ?? '';
    assert.is((await client.grab(token, 'ann', name, key)).status, 201, `${customer} has ${name}`);
  }
  assert.is((await verify(stores)).status, 0, 'the repeated requests decided nothing');

  // And log-ins work, the revoked token stays revoked, and the sale goes on.
  const again = await client.send('POST', '/api/auth', { json: { username: 'ann', password: 'secret' } });
  assert.is(again.status, 200);
  assert.is((await client.list(revoked, 'ann')).status, 401);
  assert.is((await client.register('eve', 'customer')).status, 400);
  const more = sell(client, String(again.headers.get('authorization')), await enterAll(client));
  await more.reach(20);
  await more.stop();
  server.kill('SIGTERM');
  await server.ended;
  assert.is((await verify(stores)).status, 0);
});

test('a dump that is older than the copy of Redis lacks versions, and agrees with an empty Redis', async () => {
  // Given a backup in the wrong order: a grab comes after the dump, and is in MySQL and no longer in the outbox before the copy of Redis.
  const old = await givenStores();
  await old.startRedis();
  const before = await serverOn(old);
  const ann = await before.client.enter('ann', 'seller');
  const [bob, eve] = [await before.client.enter('bob', 'customer'), await before.client.enter('eve', 'customer')];
  await before.client.create(ann, 'ann', { name: 'sea', amount: 5, stock: 5 });
  assert.is((await before.client.grab(bob, 'ann', 'sea')).status, 201);
  await outboxEmpties(old);
  before.server.kill('SIGTERM');
  await before.server.ended;
  const backup = createDataDir();
  await old.carryOut(backUpMysql, backup);
  const later = await serverOn(old);
  assert.is((await later.client.grab(eve, 'ann', 'sea')).status, 201);
  await outboxEmpties(old);
  later.server.kill('SIGTERM');
  await later.server.ended;
  await old.carryOut(backUpRedis, backup);
  await old.close();

  // When both are restored, verify names the version that only Redis has.
  const stores = await givenStores();
  await stores.carryOut([restoreRedis], backup);
  await stores.startRedis();
  await stores.carryOut(restoreMysql, backup);
  const newer = await serverOn(stores);
  const disagreement = await verify(stores);
  assert.is(disagreement.status, 1);
  assert.match(disagreement.stdout, /ann\/sea: .*version/);
  newer.server.kill('SIGTERM');
  await newer.server.ended;

  // When the dump is restored beside an empty Redis, everything is as of the dump.
  const second = await givenStores();
  await second.startRedis();
  await second.carryOut(restoreMysql, backup);
  const { client, server } = await serverOn(second);
  assert.is((await verify(second)).status, 0);
  assert.is((await client.grab(bob, 'ann', 'sea')).headers.get('grab-outcome'), 'already-grabbed');
  assert.is((await client.grab(eve, 'ann', 'sea')).status, 201);
  server.kill('SIGTERM');
  await server.ended;
  rmSync(backup, { recursive: true });
});

test.after(async () => {
  await endPrograms();
  for (const close of closers) await close();
});
test.run();
