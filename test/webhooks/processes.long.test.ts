import { setTimeout as sleep } from 'node:timers/promises';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { connectMysql } from '../../src/infra/stores/mysql.ts';
import { createClient } from '../support/httpClient.ts';
import { openOwnMariadb } from '../support/ownMariadb.ts';
import { endPrograms, startProgram } from '../support/program.ts';
import { openTestStores } from '../support/testStores.ts';
import { openWebhookReceiver, type Received, receiverSettings, until, verify } from '../support/webhookReceiver.ts';

// Processes that are killed, frozen and started with other keys in the middle of deliveries, with a real MariaDB that goes away.

const mariadb = await openOwnMariadb();
const receiver = await openWebhookReceiver();
const oldKey = 'an old key that is long enough for the tests';
const stores = await openTestStores({
  MYSQL_URL: mariadb.url,
  ...receiverSettings(receiver),
  WEBHOOK_KEY: oldKey,
  SERVICE_TOKENS: 'shop=Zr5tNq1wVb7kXe4uHs9cMy2gLp8jFd6o',
});
const service = 'Zr5tNq1wVb7kXe4uHs9cMy2gLp8jFd6o';
const { mysql, close: closeMysql } = connectMysql(mariadb.url, 1);
const start = (more: NodeJS.ProcessEnv = {}) =>
  startProgram('src/main.ts', { ...stores.environment, WORKERS: '1', ...more });
const test = suite('webhooks of several processes');

const hooks: { path: string; secret: string; id: string }[] = [];
async function register(url: string, path: string): Promise<void> {
  const { body } = await createClient(url).send('POST', '/api/webhooks', {
    token: service,
    json: { url: `${receiver.url}/${path}` },
  });
  hooks.push({ path: `/hook/${path}`, ...(body as { data: { secret: string; id: string } }).data });
}
/** Two coupons, of which 10 customers grab so many pieces each. */
async function sell(url: string, name: string, grabs: number): Promise<void> {
  const client = createClient(url);
  const ann = await client.enter('ann', 'seller');
  const coupons = ['a', 'b'].map((part) => `${name} ${part}`);
  for (const coupon of coupons)
    await client.create(ann, 'ann', { name: coupon, amount: grabs, stock: 5, description: '', perCustomer: 1_000 });
  const customers = await Promise.all(
    Array.from({ length: 10 }, (_, i) => client.enter(`${name.replaceAll(' ', '-')}-${i}`, 'customer')),
  );
  await Promise.all(
    customers.map(async (token) => {
      for (const coupon of coupons)
        for (let i = 0; i < grabs / customers.length; i++) {
          const { status } = await client.grab(token, 'ann', coupon);
          if (status === 401) throw new Error('the customer has no token');
        }
    }),
  );
}
const at = (path: string) => receiver.received.filter((request) => request.path === path);
/** Waits until every endpoint has every event of the log, each signed, and no event of a coupon before an earlier one. */
async function deliveredAll(): Promise<void> {
  const logged = async () =>
    (await mysql('event_log').select('coupon_id', 'version')).map(
      ({ coupon_id, version }) => `${coupon_id.toString('hex')}:${version}`,
    );
  for (const { path, secret } of hooks) {
    await until(async () => {
      const got = new Set(at(path).map(({ id }) => id.replaceAll('-', '')));
      const wanted = await logged().catch(() => ['none']);
      return wanted.length > 0 && wanted.every((id) => got.has(id));
    });
    mustBeInOrder(at(path));
    for (const request of at(path).slice(-20)) verify(secret, request);
  }
}
function mustBeInOrder(requests: readonly Received[]): void {
  const highest = new Map<string, number>();
  const bodies = new Map<string, string>();
  for (const { id, body, event } of requests) {
    assert.is(id, event.id);
    // A repeat has the same content.
    assert.is(bodies.get(id) ?? body, body);
    bodies.set(id, body);
    const last = highest.get(event.partitionkey) ?? 0;
    assert.ok(event.data.version <= last + 1, `${event.id} comes after version ${last}`);
    highest.set(event.partitionkey, Math.max(last, event.data.version));
  }
}

test('given processes that are killed in mid-delivery, nothing is missing, and the order is kept for each coupon', async () => {
  let server = start();
  await register(await server.listening, 'one');
  await register(await server.listening, 'two');
  for (let round = 0; round < 3; round++) {
    const url = await server.listening;
    const before = receiver.received.length;
    // Ends with a failure when the server is killed.
    const selling = sell(url, `killed ${round}`, 100).catch(() => {});
    await until(() => receiver.received.length >= before + 50);
    server.kill('SIGKILL');
    await Promise.all([server.ended, selling]);
    server = start();
  }
  await server.listening;

  await deliveredAll();
  server.kill('SIGTERM');
  await server.ended;
});

test('a stop in mid-delivery ends within its time, and the next process goes on', async () => {
  const server = start();
  const url = await server.listening;
  receiver.answer = () => ({ status: 204, delayMs: 30_000 });
  const before = receiver.received.length;
  await sell(url, 'stopped', 10);
  await until(() => receiver.received.length > before);
  server.kill('SIGTERM');
  const { status } = await server.ended;
  receiver.answer = () => ({ status: 204 });
  assert.is(status, 0);
  const next = start();
  await next.listening;

  await deliveredAll();
  const rows = await mysql('subscriptions').where('name', 'like', 'webhook:%');
  assert.equal(
    rows.map(({ failures }) => failures),
    rows.map(() => 0),
  );
  next.kill('SIGTERM');
  await next.ended;
});

test('given a frozen process, another one takes over, and the order is kept after the thaw', async () => {
  const [one, two] = [start(), start()];
  const urls = await Promise.all([one.listening, two.listening]);
  await sell(urls[0], 'before', 10);
  await deliveredAll();
  const attempts = async (url: string) =>
    Number(
      /^seckill_webhook_attempts_total\{outcome="taken"\} (\d+)/m.exec(
        await (await fetch(`${url}/metrics`)).text(),
      )?.[1],
    );
  const [working, other, otherUrl] = (await attempts(urls[0])) > 0 ? [one, two, urls[1]] : [two, one, urls[0]];
  assert.is(await attempts(otherUrl), 0);
  working.kill('SIGSTOP');
  await sell(otherUrl, 'while frozen', 10);

  await deliveredAll();

  working.kill('SIGCONT');
  await sell(otherUrl, 'after the thaw', 10);
  await deliveredAll();
  for (const server of [working, other]) server.kill('SIGTERM');
  await Promise.all([one.ended, two.ended]);
});

test('given a MySQL that stops and comes back, nothing is missing, and the order is kept', async () => {
  const server = start();
  const url = await server.listening;
  const before = receiver.received.length;
  const selling = sell(url, 'with MySQL', 200).catch(() => {});
  await until(() => receiver.received.length >= before + 50);
  await mariadb.restart();
  await selling;
  while ((await fetch(`${url}/readyz`)).status !== 200) await sleep(50);

  await deliveredAll();
  server.kill('SIGTERM');
  await server.ended;
});

test('a new key in front of the old one encrypts all secrets anew, so that the old one can go', async () => {
  const newKey = 'a new key that is long enough for the tests';
  const stored = async () => (await mysql('webhooks').orderBy('id')).map(({ secret }) => secret.toString('hex'));
  const before = await stored();
  const both = start({ WEBHOOK_KEY: `${newKey},${oldKey}` });
  await both.listening;
  await until(async () => (await stored()).every((secret, i) => secret !== before[i]));
  both.kill('SIGTERM');
  await both.ended;
  const server = start({ WEBHOOK_KEY: newKey });
  await sell(await server.listening, 'new key', 10);

  await deliveredAll();
  server.kill('SIGTERM');
  await server.ended;
});

test.after(async () => {
  await endPrograms();
  await closeMysql();
  await stores.close();
  await mariadb.close();
  await receiver.close();
});
test.run();
