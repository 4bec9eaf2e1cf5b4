import { execFile, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { createPool, type Pool, type RowDataPacket } from 'mysql2/promise';
import { Webhook } from 'standardwebhooks';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { codeBlocks } from '../support/codeBlocks.ts';
import { createDataDir } from '../support/dataDirs.ts';
import { freePort } from '../support/freePort.ts';
import { openFrontProxy, proxyAnswer } from '../support/frontProxy.ts';
import { createClient } from '../support/httpClient.ts';
import { AUDIENCE, openIdentityProvider } from '../support/identityProvider.ts';
import { openTestServer } from '../support/testServer.ts';
import { createDatabase } from '../support/testStores.ts';

// The programs of docs/INTEGRATION.md, as a shop has them: in a folder of its own with the folder `client` and the packages.

const root = fileURLToPath(new URL('../..', import.meta.url));
const document = readFileSync(`${root}docs/INTEGRATION.md`, 'utf8');
const folder = createDataDir();
for (const name of ['client', 'node_modules']) symlinkSync(join(root, name), join(folder, name));
writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
const programs = codeBlocks(document, 'ts');
for (const code of programs) writeFileSync(join(folder, /^\/\/ (\w+\.ts)\n/.exec(code)?.[1] ?? ''), code);
const load = (file: string) => import(pathToFileURL(join(folder, file)).href);
const { grab } = (await load('grab.ts')) as {
  grab(url: string, token: string, coupon: { seller: string; name: string }, key: string): Promise<string>;
};
const { takeEvents } = (await load('orders.ts')) as {
  takeEvents(url: string, serviceToken: string, pool: Pool): Promise<void>;
};

const service = 'orders-Zr5tNq1wVb7kXe4uHs9cMy2gLp8jFd6o';
const provider = await openIdentityProvider();
const { url, close } = await openTestServer({
  AUTH_ISSUER: provider.issuer,
  AUTH_AUDIENCE: AUDIENCE,
  AUTH_KIND_CLAIM: 'kind',
  LOCAL_ACCOUNTS: '0',
  SERVICE_TOKENS: `orders=${service}`,
});
const front = await openFrontProxy(url);
const client = createClient(url);
const tokenOf = (sub: string, kind = 'customer') => provider.issue({ sub, claims: { kind } });
const lamp = { seller: 'back-office', name: 'lamp' };
await client.create(await tokenOf(lamp.seller, 'seller'), lamp.seller, { name: lamp.name, amount: 2, stock: 20 });

const database = new URL(await createDatabase());
const pool = createPool({
  socketPath: database.searchParams.get('socketPath') ?? '',
  user: 'root',
  database: database.pathname.slice(1),
  multipleStatements: true,
});
for (const sql of codeBlocks(document, 'sql')) await pool.query(sql);
const readOrders = async () => {
  const [rows] = await pool.query<RowDataPacket[]>('SELECT customer, product, status FROM orders ORDER BY event_id');
  return rows.map(({ customer, product, status }) => `${customer} ${product} ${status}`);
};

const test = suite('the programs of docs/INTEGRATION.md');

test('they pass the type check of a strict project', async () => {
  const compilerOptions = { typeRoots: [join(root, 'node_modules/@types')], noEmit: true };
  const include = ['*.ts'];
  writeFileSync(
    join(folder, 'tsconfig.json'),
    JSON.stringify({ extends: join(root, 'tsconfig.json'), compilerOptions, include }),
  );
  const { stdout } = await promisify(execFile)(join(root, 'node_modules/.bin/tsc'), ['-p', folder]).catch(
    (failure) => failure,
  );
  assert.is(stdout, '');
  assert.is(programs.length, 2);
});

test('given a lost answer, a 503 of a proxy and closed connections, then the grab is repeated until it is known, and takes one piece', async () => {
  const bob = await tokenOf('bob');
  const arrived = async (requests: number) => {
    while (front.requests.length < requests) await sleep(5);
  };
  front.setMode('lose-replies');
  const outcome = grab(front.url, bob, lamp, 'bob-1');
  await arrived(1);
  // The server has decided, and its answer is lost.
  while ((await client.list(bob, 'bob')).status !== 200) await sleep(5);
  front.setMode(proxyAnswer('503 Service Unavailable', ['Retry-After: 1']));
  await arrived(2);
  front.setMode('cut');
  await sleep(100);
  front.setMode('pass');

  assert.is(await outcome, 'grabbed');

  const { body } = await client.list(bob, 'bob');
  assert.equal([body?.data].flat().length, 1);
  assert.is(await grab(front.url, bob, lamp, 'bob-2'), 'already-grabbed');
});

test('given grabs, then each makes one order, also when two processes read, and when the cursor is lost', async () => {
  const eve = await tokenOf('eve');
  assert.is(await grab(url, eve, lamp, 'eve-1'), 'grabbed');
  assert.is(await grab(url, await tokenOf('kim'), lamp, 'kim-1'), 'sold-out');

  while ((await readOrders()).length < 2) {
    await Promise.allSettled([takeEvents(url, service, pool), takeEvents(url, service, pool)]);
  }
  assert.equal(await readOrders(), ['bob lamp ordered', 'eve lamp ordered']);

  await pool.query("UPDATE seckill_cursor SET next_page = ''");
  await takeEvents(url, service, pool);
  assert.equal(await readOrders(), ['bob lamp ordered', 'eve lamp ordered']);
});

test('given a failure in the middle of a page, then neither its orders nor the cursor are kept, and the page comes again', async () => {
  const eve = await tokenOf('eve');
  assert.is((await client.send('DELETE', '/api/users/eve/coupons/back-office/lamp', { token: eve })).status, 200);
  assert.is(await grab(url, await tokenOf('kim'), lamp, 'kim-2'), 'grabbed');
  const cursor = async () => {
    const [[row]] = await pool.query<RowDataPacket[]>('SELECT next_page FROM seckill_cursor');
    return row?.next_page;
  };
  await pool.query("ALTER TABLE orders ADD CONSTRAINT no_kim CHECK (customer <> 'kim')");
  let before: string;
  let failure: Error | undefined;
  do {
    before = await cursor();
    failure = await takeEvents(url, service, pool).then(
      () => undefined,
      (error) => error,
    );
  } while (failure === undefined);
  assert.match(failure.message, /no_kim/);
  assert.is(await cursor(), before);
  assert.is((await readOrders()).length, 2);

  await pool.query('ALTER TABLE orders DROP CONSTRAINT no_kim');
  while ((await cursor()) === before) await takeEvents(url, service, pool);

  assert.equal(await readOrders(), ['bob lamp ordered', 'eve lamp canceled', 'kim lamp ordered']);
});

test('given a webhook receiver, then it stores a signed event once it is verified, and refuses one with another signature', async () => {
  const [receiver = ''] = codeBlocks(document, 'js');
  const port = await freePort();
  assert.match(receiver, /storeOnce\(event\.id, event\)[\s\S]*\.listen\(8080\)/);
  // The page leaves the storing to the shop; here the event goes to standard output.
  const program = `const storeOnce = async (id, event) => console.log('stored', id, event.type);\n${receiver}`;
  writeFileSync(join(folder, 'receiver.mjs'), program.replace('8080', String(port)));
  const secret = `whsec_${randomBytes(32).toString('base64')}`;
  const child = spawn(process.execPath, [join(folder, 'receiver.mjs')], {
    env: { ...process.env, WEBHOOK_SECRET: secret },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let stored = '';
  child.stdout.on('data', (chunk) => (stored += chunk));
  try {
    const body = JSON.stringify({ id: 'coupon:2', type: 'CouponGrabbed' });
    const now = new Date();
    const send = (signature: string) =>
      fetch(`http://127.0.0.1:${port}`, {
        method: 'POST',
        body,
        headers: {
          'webhook-id': 'coupon:2',
          'webhook-timestamp': String(Math.floor(now.getTime() / 1_000)),
          'webhook-signature': signature,
        },
      });
    const good = new Webhook(secret).sign('coupon:2', now, body);
    let answer: Response | undefined;
    while (answer === undefined && child.exitCode === null) answer = await send(good).catch(() => sleep(20));

    assert.is(answer?.status, 204);
    assert.is((await send(`${good.slice(0, -6)}AAAAA=`)).status, 400);
    assert.is(stored, 'stored coupon:2 CouponGrabbed\n');
  } finally {
    child.kill();
  }
});

test.after(async () => {
  await pool.end();
  await front.close();
  await close();
  await provider.stop();
});
test.run();
