import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createDataDir } from '../support/dataDirs.ts';
import { endPrograms, startProgram } from '../support/program.ts';
import { assertAccessible, openChromium, waitForText } from './browser.ts';

// The example shop, started by its command, with customers in Chromium.

const dataDir = createDataDir();
const { openPage, errors, close } = await openChromium();
const test = suite('the example shop');

interface Order {
  id: string;
  customer: string;
  product: string;
  status: string;
}
const readOrders = (): Order[] =>
  Object.values(JSON.parse(readFileSync(join(dataDir, 'orders.json'), 'utf8')).orders as Record<string, Order>);

const customersOf = (orders: Order[]) => orders.map(({ customer }) => customer).sort();

/** Starts the shop. `password` is that of all its users, and `seckill` the last process of seckill that takes grabs. */
async function startShop(...args: string[]) {
  const program = startProgram('examples/shop/main.ts', {}, ['--data-dir', dataDir, ...args]);
  const url = await program.listening;
  const [, password = ''] = /password (\S+)\)/.exec(program.output()) ?? [];
  const seckills = () =>
    [...program.output().matchAll(/^seckill \S+ \(process (\d+)\)$/gm)].map(([, pid]) => Number(pid));
  return { program, url, password, seckills };
}
type Shop = Awaited<ReturnType<typeof startShop>>;

/** A customer with a browser of their own, logged in at the identity provider. */
async function enter({ url, password }: Shop, user: string): Promise<Page> {
  const page = await openPage(url);
  await page.click('#log-in');
  await page.fill('[name=user]', user);
  await page.fill('[name=password]', password);
  await page.click('button');
  await waitForText(page, '#user', user);
  return page;
}

async function waitForMessage(page: Page, text: RegExp): Promise<void> {
  await page.waitForFunction(
    (pattern) => new RegExp(pattern).test(document.querySelector('#message')?.textContent ?? ''),
    text.source,
  );
}

async function get(page: Page, message: RegExp): Promise<void> {
  await page.click('#get');
  await waitForMessage(page, message);
}

/** Waits until the page of the customer's orders has exactly these. */
async function ordersAre(page: Page, texts: string[]): Promise<void> {
  await page.goto(new URL('/orders', page.url()).href);
  await page.waitForFunction(
    (expected) =>
      [...document.querySelectorAll('#orders li')].map(({ textContent }) => textContent).join() === expected,
    texts.join(),
  );
}

/** The idempotency keys of the grabs that the page has sent. */
function keysOf(page: Page): string[] {
  const keys: string[] = [];
  page.on('request', (request) => {
    const key = request.headers()['idempotency-key'];
    if (request.method() === 'PATCH' && key !== undefined) keys.push(key);
  });
  return keys;
}

const redisPid = () => Number(readFileSync(join(dataDir, 'seckill/redis/redis.pid'), 'utf8'));
let shop: Shop;
let alice: Page;
let bob: Page;
let carol: Page;

test('given the shop, when alice logs in at the identity provider and gets a piece, then her order appears from the feed', async () => {
  shop = await startShop('--pieces', '3');
  alice = await enter(shop, 'alice');
  await assertAccessible(alice, 'the offer');

  await get(alice, /^It is yours/);

  await ordersAre(alice, ['lamp: ordered']);
  await assertAccessible(alice, 'the orders');
});

test('given a wrong password, then the identity provider asks again, and the shop has no session', async () => {
  const page = await openPage(shop.url);
  await page.click('#log-in');
  await page.fill('[name=user]', 'alice');
  await page.fill('[name=password]', 'wrong');
  await page.click('button');
  await page.waitForSelector('[role=alert]');
  await page.goto(shop.url);
  await page.waitForSelector('#log-in:not([hidden])');
  await page.context().close();
});

test('given a Redis that does not reply for a while, then the page of bob repeats the grab with the same key and gets one piece', async () => {
  bob = await enter(shop, 'bob');
  const keys = keysOf(bob);
  process.kill(redisPid(), 'SIGSTOP');
  try {
    await get(bob, /retrying/);
  } finally {
    process.kill(redisPid(), 'SIGCONT');
  }

  bob.setDefaultTimeout(60_000);
  await waitForMessage(bob, /^It is yours/);

  assert.ok(keys.length > 1, 'the grab was sent once');
  assert.is(new Set(keys).size, 1);
  await ordersAre(bob, ['lamp: ordered']);
});

test('given a grab that the shop has not read, when seckill is killed and started again, then its order is made, and none is lost or made twice', async () => {
  const dave = await enter(shop, 'dave');
  const [seckill = 0] = shop.seckills();
  shop.program.kill('SIGSTOP');
  // The page grabs at seckill itself, so it does not notice that the shop stands still.
  await get(dave, /^It is yours/);
  assert.equal(customersOf(readOrders()), ['alice', 'bob']);
  process.kill(seckill, 'SIGKILL');
  shop.program.kill('SIGCONT');
  await shop.program.printsOutput(/^seckill ended; starting it again$[\s\S]*^seckill \S+ \(process/m);

  await ordersAre(dave, ['lamp: ordered']);

  assert.equal(customersOf(readOrders()), ['alice', 'bob', 'dave']);
});

test('given no piece left, then carol sees that the coupon is sold out, and alice that she has one', async () => {
  carol = await enter(shop, 'carol');
  await get(carol, /^Sold out\.$/);
  await ordersAre(carol, []);
  await alice.goto(shop.url);
  await get(alice, /^You have one already/);
});

test('when bob cancels his order, then the order is canceled by the event, and carol gets the piece', async () => {
  // Another page would break off the request to seckill.
  const [canceled] = await Promise.all([
    bob.waitForResponse((response) => response.request().method() === 'DELETE'),
    bob.click('#cancel:not([hidden])'),
  ]);
  assert.is(canceled.status(), 200);
  await ordersAre(bob, ['lamp: canceled']);

  await carol.goto(shop.url);
  await get(carol, /^It is yours/);

  await ordersAre(carol, ['lamp: ordered']);
});

test('when alice logs out, then her session, and her token at seckill, have ended', async () => {
  const { seckill, token } = await alice.evaluate(async () => (await fetch('/api/session')).json());
  await alice.goto(shop.url);
  await alice.click('#log-out button');
  await alice.click('button[name=logout]');
  await alice.waitForSelector('#log-in:not([hidden])');
  const answer = await fetch(`${seckill}/api/users/alice/coupons`, { headers: { Authorization: `Bearer ${token}` } });
  assert.is(answer.status, 401);
  await alice.goto(`${shop.url}/orders`);
  await waitForMessage(alice, /^Log in to see/);
});

test('given Ctrl-C and another start with a coupon of tomorrow, then the orders are there, and the page says when the sale starts', async () => {
  shop.program.kill('SIGINT');
  const { status, stderr } = await shop.program.ended;
  assert.is(status, 0, stderr);

  shop = await startShop('--product', 'chair', '--starts-in', '86400');
  carol = await enter(shop, 'carol');
  await get(carol, /^Not started yet\. The sale starts in \d+ s\.$/);
  await ordersAre(carol, ['lamp: ordered']);
  shop.program.kill('SIGINT');
  assert.is((await shop.program.ended).status, 0);
});

test('no script of a page has failed', () => {
  assert.equal(errors, []);
});

test.after(async () => {
  await endPrograms();
  await close();
});
test.run();
