import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createApp } from '../../src/http/app.ts';
import { createLog } from '../../src/infra/telemetry/log.ts';
import { openServer } from '../../src/server.ts';
import { createClient } from '../support/httpClient.ts';
import { couponIn, listen } from '../support/listen.ts';
import { openTransaction } from '../support/outages.ts';
import { loggedEvents, openTestSystem, settled } from '../support/testSystem.ts';

// Every count of a board that a person reads is compared with the event log.

const { system, config, close } = await openTestSystem();
const { mysql } = system;
const server = createServer(createApp(system).callback());
await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
const other = await openServer(config, createLog('silent'));
const client = createClient(url);
const test = suite('the figures of a sale');

const customers = await Promise.all(
  Array.from({ length: 20 }, (_, index) => client.enter(`customer-${index}`, 'customer')),
);
const [bob = ''] = customers;
let sellers = 0;
/** Given a seller with one coupon. Each test has a board of its own. */
async function givenSale(amount: number) {
  const seller = `seller-${++sellers}`;
  const token = await client.enter(seller, 'seller');
  await client.create(token, seller, { name: 'spring', amount, stock: 5 });
  return { seller, token };
}

/** What the log and its projection say of a coupon. */
async function loggedSale(seller: string) {
  await settled(system);
  const grabs = (await loggedEvents(system, seller, 'spring')).filter(({ type }) => type === 'CouponGrabbed');
  const rows = await mysql('sales_per_minute')
    .where({ seller: Buffer.from(seller) })
    .orderBy('minute');
  const minutes = rows.map((row: Record<string, unknown>) => ({
    minute: Number(row.minute),
    grabs: Number(row.grabs),
  }));
  return {
    grabbed: grabs.length,
    sale: {
      firstGrabAt: (grabs[0]?.occurredAt ?? 0) / 1_000,
      lastGrabAt: (grabs.at(-1)?.occurredAt ?? 0) / 1_000,
      minutes,
      complete: true,
    },
  };
}
/** While `run` runs, the projection writes nothing to MySQL. */
async function whileProjectionPauses(run: () => Promise<void>): Promise<void> {
  const pause = await openTransaction(mysql);
  await pause('projection_pause').where({ id: 1 }).forUpdate();
  await run().finally(() => pause.rollback());
}
type Stream = Awaited<ReturnType<typeof listen>>;
const springOf = (data: Parameters<typeof couponIn>[0]) => couponIn(data, 'spring');
/** The board's last figures of the coupon; resolves when they are the figures of the log. */
async function assertAsLogged(stream: Stream, seller: string): Promise<void> {
  const logged = await loggedSale(seller);
  const last = () => stream.events.map(({ data }) => springOf(data)).findLast((coupon) => coupon !== undefined);
  const isSame = () => JSON.stringify([last()?.grabbed, last()?.sale]) === JSON.stringify(Object.values(logged));
  for (let waits = 0; waits < 500 && !isSame(); waits++) await sleep(20);
  assert.equal({ grabbed: last()?.grabbed, sale: last()?.sale }, logged);
}

test('a grab that is sent five times with one key is one grab and five attempts', async () => {
  const { seller, token } = await givenSale(1);
  const stream = await listen(url, token, seller);
  await stream.waitFor(() => true);
  for (let sent = 0; sent < 5; sent++) assert.is((await client.grab(bob, seller, 'spring', 'one key')).status, 201);
  const figures = await stream.waitFor((data) => springOf(data)?.tries.grabbed === 5);
  assert.is(springOf(figures)?.grabbed, 1);
  assert.is(springOf(figures)?.left, 0);
  await assertAsLogged(stream, seller);
  stream.stop();
});

test('boards of two processes count what the log has, with repeats and refusals at both', async () => {
  const { seller, token } = await givenSale(12);
  const streams = [await listen(url, token, seller), await listen(other.url, token, seller)];
  for (const stream of streams) await stream.waitFor(() => true);
  const clients = [client, createClient(other.url)];
  const sendTwice = customers.map(async (customer, index) => {
    for (const sender of clients) await sender.grab(customer, seller, 'spring', `key-${index}`);
  });
  await Promise.all(sendTwice);
  for (const stream of streams) await assertAsLogged(stream, seller);
  for (const stream of streams) stream.stop();
});

test('a board that opens after a restart has the whole sale, and refusals are not made up', async () => {
  const { seller, token } = await givenSale(15);
  await Promise.all(customers.map((customer) => client.grab(customer, seller, 'spring')));
  const logged = await loggedSale(seller);
  const restarted = await openServer(config, createLog('silent'));
  const stream = await listen(restarted.url, token, seller);
  const snapshot = springOf(await stream.waitFor((data) => springOf(data)?.sale.complete === true));
  stream.stop();
  await restarted.close();
  assert.is(logged.grabbed, 15);
  assert.equal({ grabbed: snapshot?.grabbed, sale: snapshot?.sale }, logged);
  const noTries = { grabbed: 0, soldOut: 0, alreadyGrabbed: 0, unknown: 0 };
  assert.equal(snapshot?.tries, { ...noTries, notStarted: 0, paused: 0, ended: 0, closed: 0 });
});

test('a board that opens in the middle of a sale says that MySQL is behind, goes on live, and ends as the log', async () => {
  const { seller, token } = await givenSale(20);
  const grabAll = async (some: string[]) => {
    for (const customer of some) await client.grab(customer, seller, 'spring');
  };
  let stream: Stream | undefined;
  await whileProjectionPauses(async () => {
    await grabAll(customers.slice(0, 8));
    stream = await listen(url, token, seller);
    const opened = springOf(await stream.waitFor(() => true));
    assert.equal([opened?.grabbed, opened?.sale.complete], [8, false]);
    await grabAll(customers.slice(8));
    await stream.waitFor((data) => springOf(data)?.grabbed === 20);
  });
  if (stream !== undefined) await assertAsLogged(stream, seller);
  stream?.stop();
});

test('a board whose messages were lost finds the grabs in MySQL', async () => {
  const { seller, token } = await givenSale(5);
  const stream = await listen(url, token, seller);
  await stream.waitFor(() => true);
  const { publish } = system.redis;
  const lost = new Promise<void>((resolve) => {
    const lose = async (_channel: unknown, text: unknown) => {
      if (String(text).includes(`"seller":"${seller}"`)) resolve();
      return 0;
    };
    system.redis.publish = lose as typeof publish;
  });
  await client.grab(bob, seller, 'spring');
  await lost;
  system.redis.publish = publish;
  await assertAsLogged(stream, seller);
  stream.stop();
});

test('a board reads MySQL once when it opens, and not for grabs, ticks or further listeners', async () => {
  const { seller, token } = await givenSale(40);
  await client.grab(bob, seller, 'spring');
  await settled(system);
  let readings = 0;
  const count = ({ sql }: { sql: string }) => {
    if (sql.includes('OVER (PARTITION BY coupon_id')) readings++;
  };
  mysql.on('query', count);
  const streams = [await listen(url, token, seller)];
  await streams[0]?.waitFor(() => true);
  for (const customer of customers) {
    await client.grab(customer, seller, 'spring');
    if (streams.length < 5) streams.push(await listen(url, token, seller));
  }
  await streams[0]?.waitFor((data) => springOf(data)?.grabbed === 20);
  // Longer than the time after which a board that lacks grabs would read again.
  await sleep(2_500);
  mysql.client.removeListener('query', count);
  for (const stream of streams) stream.stop();
  assert.is(readings, 1);
});

test('a board never says durable of grabs that MySQL does not have', async () => {
  const { seller, token } = await givenSale(5);
  const stream = await listen(url, token, seller);
  // The outbox is read twice a second, so a wrong claim shows in most rounds and not in each.
  for (const grabbed of [1, 2, 3, 4, 5]) {
    await stream.waitForNext((data) => data.durable);
    await whileProjectionPauses(async () => {
      await client.grab(customers[grabbed] ?? '', seller, 'spring');
      await stream.waitForNext((data) => data.outbox.entries === 1);
      const claims = stream.events.filter(({ data }) => data.durable && springOf(data)?.grabbed === grabbed);
      assert.equal(claims, []);
    });
  }
  stream.stop();
});

test('a board opens and sells while MySQL cannot be read, says what it lacks, and completes itself', async () => {
  const { seller, token } = await givenSale(5);
  await client.grab(bob, seller, 'spring');
  await settled(system);
  await mysql.raw('RENAME TABLE sales_per_minute TO sales_per_minute_away');
  const stream = await listen(url, token, seller);
  const first = springOf(await stream.waitFor(() => true));
  assert.equal([first?.grabbed, first?.sale.complete, first?.sale.minutes], [1, false, []]);
  await mysql.raw('RENAME TABLE sales_per_minute_away TO sales_per_minute');
  await assertAsLogged(stream, seller);
  stream.stop();
});

test('a seller with more coupons than a board has gets their number', async () => {
  const { seller, token } = await givenSale(1);
  for (let index = 0; index < 101; index++)
    await client.create(token, seller, { name: `more ${index}`, amount: 1, stock: 5 });
  const stream = await listen(url, token, seller);
  const { coupons, total } = await stream.waitFor(() => true);
  assert.equal([coupons.length, total], [100, 102]);
  await client.create(token, seller, { name: 'one more', amount: 1, stock: 5 });
  await stream.waitFor((data) => data.total === 103);
  stream.stop();
});

test.after(async () => {
  await other.close();
  await new Promise((resolve) => {
    server.close(resolve);
    server.closeAllConnections();
  });
  await close();
});
test.run();
