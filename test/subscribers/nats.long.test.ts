import { setTimeout as sleep } from 'node:timers/promises';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { connectMysql } from '../../src/infra/stores/mysql.ts';
import { openNatsReceiver } from '../../src/subscribers/natsReceiver.ts';
import { createClient } from '../support/httpClient.ts';
import { type Message, messagesOf, openNatsServer } from '../support/natsServer.ts';
import { openOwnMariadb } from '../support/ownMariadb.ts';
import { endPrograms, startProgram } from '../support/program.ts';
import { openTestStores } from '../support/testStores.ts';
import { until } from '../support/until.ts';

// Real servers: NATS with JetStream, MariaDB, Redis, and processes of this system that are killed in the middle of a delivery.

const mariadb = await openOwnMariadb();
const nats = await openNatsServer();
const stores = await openTestStores({ MYSQL_URL: mariadb.url, NATS_URL: nats.url });
const test = suite('events to NATS JetStream');
const start = () => startProgram('src/main.ts', { ...stores.environment, WORKERS: '1' });

/** Creates a coupon, and 20 customers grab so many pieces, as fast as the server takes the grabs. */
async function sell(url: string, name: string, grabs: number): Promise<void> {
  const client = createClient(url);
  const ann = await client.enter('ann', 'seller');
  await client.create(ann, 'ann', { name, amount: grabs, stock: 5, description: '', perCustomer: 1_000 });
  const customers = await Promise.all(
    Array.from({ length: 20 }, (_, i) => client.enter(`${name.replaceAll(' ', '-')}-${i}`, 'customer')),
  );
  let left = grabs;
  await Promise.all(
    customers.map(async (token) => {
      while (left-- > 0) {
        const { status } = await client.grab(token, 'ann', name);
        if (status === 401) throw new Error('the customer has no token');
      }
    }),
  );
}
const { mysql, close: closeMysql } = connectMysql(mariadb.url, 1);
const logged = async () =>
  (await mysql('event_log').select('coupon_id', 'version')).map(
    ({ coupon_id, version }) => `${coupon_id.toString('hex')}:${version}`,
  );
const plain = ({ event }: Message) => event.id.replaceAll('-', '');

/** Waits until the broker has every event of the log. */
async function deliveredAll(): Promise<Message[]> {
  const limit = Date.now() + 60_000;
  for (;;) {
    const wanted = await logged().catch(() => []);
    const messages = await messagesOf(nats.url).catch(() => []);
    const got = new Set(messages.map(plain));
    if (wanted.length > 0 && wanted.every((id) => got.has(id))) return messages;
    if (Date.now() > limit) throw new Error(`${got.size} of ${wanted.length} events are in the stream`);
    await sleep(100);
  }
}
/** Every message has the id of its event, and no event of a coupon comes before an earlier one, except as a repeat. */
function mustBeInOrder(messages: readonly Message[]): void {
  const highest = new Map<string, number>();
  for (const { id, event } of messages) {
    assert.is(id, event.id);
    const last = highest.get(event.partitionkey) ?? 0;
    assert.ok(event.data.version <= last + 1, `${event.id} comes after version ${last}`);
    highest.set(event.partitionkey, Math.max(last, event.data.version));
  }
}

test('every event is one message, with the id of the event, on a subject with its type and its coupon', async () => {
  const server = start();
  await sell(await server.listening, 'first', 20);
  await until('21 events are in the log', async () => (await logged()).length >= 21);

  const messages = await deliveredAll();

  mustBeInOrder(messages);
  assert.is(new Set(messages.map(({ id }) => id)).size, messages.length);
  for (const { subject, event } of messages) assert.is(subject, `seckill.events.${event.type}.${event.partitionkey}`);
  server.kill('SIGTERM');
  await server.ended;
});

test('given processes that are killed in mid-delivery, nothing is missing, and the order is kept for each coupon', async () => {
  let server = start();
  for (let round = 0; round < 4; round++) {
    const url = await server.listening;
    // Ends with a failure when the server is killed.
    const selling = sell(url, `killed ${round}`, 2_000).catch(() => {});
    const before = (await messagesOf(nats.url)).length;
    await until(
      'the delivery is under way',
      async () => (await messagesOf(nats.url)).length >= before + 100 * (round + 1),
    );
    server.kill('SIGKILL');
    await Promise.all([server.ended, selling]);
    server = start();
  }
  await server.listening;

  mustBeInOrder(await deliveredAll());
  server.kill('SIGTERM');
  await server.ended;
});

test('given a frozen process, another one takes over, and the order is kept after the thaw', async () => {
  const [one, two] = [start(), start()];
  const urls = await Promise.all([one.listening, two.listening]);
  await sell(urls[0], 'before', 5);
  await deliveredAll();
  const holder = async () => {
    const metrics = await Promise.all(urls.map(async (url) => (await fetch(`${url}/metrics`)).text()));
    const counts = metrics.map((text) => Number(/^seckill_subscription_delivered_total\{.*\} (\d+)/m.exec(text)?.[1]));
    return counts.findIndex((count) => count > 0);
  };
  // A process counts an event a moment after the broker has it.
  await until('a process has delivered events', async () => (await holder()) >= 0);
  const working = (await holder()) === 0 ? one : two;
  const otherUrl = urls[working === one ? 1 : 0];
  working.kill('SIGSTOP');
  await sell(otherUrl, 'while frozen', 5);

  const messages = await deliveredAll();

  mustBeInOrder(messages);
  working.kill('SIGCONT');
  await sell(otherUrl, 'after the thaw', 5);
  mustBeInOrder(await deliveredAll());
  for (const server of [one, two]) server.kill('SIGTERM');
  await Promise.all([one.ended, two.ended]);
});

test('given a broker that is killed and comes back, nothing is missing, and the order is kept', async () => {
  const server = start();
  const url = await server.listening;
  const before = (await messagesOf(nats.url)).length;
  const selling = sell(url, 'with broker', 2_000);
  await until('the delivery is under way', async () => (await messagesOf(nats.url)).length >= before + 100);
  await nats.kill();
  await selling;
  await sell(url, 'without broker', 20);
  await sleep(1_000);
  await nats.start();

  mustBeInOrder(await deliveredAll());
  server.kill('SIGTERM');
  await server.ended;
});

test('given a MySQL that stops and comes back, nothing is missing, and the order is kept', async () => {
  const server = start();
  const url = await server.listening;
  const before = (await messagesOf(nats.url)).length;
  const selling = sell(url, 'with MySQL', 2_000);
  await until('the delivery is under way', async () => (await messagesOf(nats.url)).length >= before + 100);
  await mariadb.restart();
  await selling;
  await sell(url, 'with MySQL again', 10).catch(() => {});
  await until('the server is ready', async () => (await fetch(`${url}/readyz`)).status === 200);

  mustBeInOrder(await deliveredAll());
  server.kill('SIGTERM');
  await server.ended;
});

test('given a stream that is not for these subjects, the subscription waits with the reason, and the server sells', async () => {
  const { receiver, close } = openNatsReceiver({
    url: nats.url,
    stream: 'SECKILL',
    subject: 'other',
  });
  let reason = '';
  await receiver.deliver([]).catch(({ message }) => (reason = message));
  await close();

  assert.is(reason, 'NATS_STREAM: the stream SECKILL does not take the subjects other.>');
});

test('a batch of which the broker has a part already is completed, and nothing is stored twice', async () => {
  const { receiver, close } = openNatsReceiver({ url: nats.url, stream: 'GAP', subject: 'gap' });
  const event = (version: number) =>
    ({ id: `x:${version}`, type: 'CouponPaused', partitionkey: 'x', data: { version } }) as never;
  await receiver.deliver([event(1), event(2)]);
  // A repeat of what the broker has, and then more.
  await receiver.deliver([event(1), event(2), event(3)]);
  await close();

  assert.equal(
    (await messagesOf(nats.url, 'GAP')).map(({ id }) => id),
    ['x:1', 'x:2', 'x:3'],
  );
});

test.after(async () => {
  await endPrograms();
  await closeMysql();
  await stores.close();
  await mariadb.close();
  await nats.close();
});
test.run();
