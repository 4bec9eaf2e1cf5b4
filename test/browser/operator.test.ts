import type { Page } from 'playwright-core';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { keys } from '../../src/infra/keys.ts';
import { openRedis } from '../../src/infra/stores/redis.ts';
import { createLog } from '../../src/infra/telemetry/log.ts';
import { openServer } from '../../src/server.ts';
import { createClient } from '../support/httpClient.ts';
import { messagesOf, openNatsServer } from '../support/natsServer.ts';
import { openOwnMariadb } from '../support/ownMariadb.ts';
import { openTestStores } from '../support/testStores.ts';
import { until } from '../support/until.ts';
import { assertAccessible, desktop, openChromium, phone, takeScreenshot, waitForText } from './browser.ts';

// The page of operators during real outages: MySQL, Redis, the broker and the server are stopped and started again.

const token = 'k7Qz0vTn4sWc9yLxE2rGu8hBfJ6mPd3a';
const mariadb = await openOwnMariadb();
const nats = await openNatsServer();
const stores = await openTestStores({
  MYSQL_URL: mariadb.url,
  NATS_URL: nats.url,
  OPERATOR_TOKENS: `olga=${token}`,
});
const log = createLog('silent');
let server = await openServer(stores.config, log);
const { url } = server;
const client = createClient(url);
const { redis, close: closeRedis } = await openRedis(stores.config.redisUrl, log);
const { openPage: openAt, errors, close: closeChromium } = await openChromium();
const test = suite('the page of operators');

const ann = await client.enter('ann', 'seller');
const bob = await client.enter('bob', 'customer');
const givenCoupon = (name: string, amount = 9) => client.create(ann, 'ann', { name, amount, stock: 5, perCustomer: 9 });
const eve = await client.enter('eve', 'customer');
const grab = async (name: string, customer = bob) => assert.is((await client.grab(customer, 'ann', name)).status, 201);

async function openPage(options: Parameters<typeof openAt>[1] = {}): Promise<Page> {
  const page = await openAt(`${url}/operator`, options);
  await page.fill('#token', token);
  await page.keyboard.press('Enter');
  await waitForText(page, '#account-name', 'olga');
  return page;
}
/** Waits until a sign has a value that matches, and resolves to the value. */
async function sign(page: Page, name: string, pattern: RegExp): Promise<string> {
  const found = await page.waitForFunction(
    ([wanted, source]) => {
      const signs = [...document.querySelectorAll('#signs > div')];
      const value = signs.find((one) => one.querySelector('dt')?.textContent === wanted)?.querySelector('.value');
      const text = value?.textContent ?? '';
      return new RegExp(source ?? '').test(text) ? text : undefined;
    },
    [name, pattern.source] as const,
  );
  return String(await found.jsonValue());
}
const waitForHint = (page: Page, id: string, pattern: RegExp) =>
  page.waitForFunction(
    ([target, source]) => new RegExp(source ?? '').test(document.querySelector(target ?? '')?.textContent ?? ''),
    [id, pattern.source] as const,
  );
/** Confirms the act of a button with the keyboard alone. */
async function act(page: Page, name: string, reason: string): Promise<void> {
  await page.getByRole('button', { name }).focus();
  await page.keyboard.press('Enter');
  await page.waitForSelector('#act[open]');
  assert.is(await page.evaluate(() => document.activeElement?.id), 'act-reason');
  await page.keyboard.type(reason);
  await page.keyboard.press('Enter');
  await page.waitForSelector('#act:not([open])', { state: 'attached' });
}

test('a token that is not in OPERATOR_TOKENS opens nothing, and stays in no storage and no URL', async () => {
  const page = await openAt(`${url}/operator`);
  const urls: string[] = [];
  page.on('request', (request) => urls.push(request.url()));
  for (const wrong of [`${token.slice(1)}x`, 'ä', '']) {
    await page.fill('#token', wrong);
    await page.click('#login-form button');
    await waitForText(page, '#token-message', 'Unknown token.');
  }
  assert.is(await page.isVisible('#system'), false);
  assert.is(await page.evaluate(() => sessionStorage.length + localStorage.length), 0);
  await assertAccessible(page, 'log-in of operators');
  await page.fill('#token', token);
  await page.click('#login-form button');
  await waitForText(page, '#account-name', 'olga');
  assert.is(await page.inputValue('#token'), '');
  assert.ok(urls.every((one) => !one.includes(token)));
  assert.equal(await page.evaluate(() => [document.cookie, localStorage.length]), ['', 0]);
  await page.context().close();
});

test('a reload keeps the log-in of the tab, a log-out ends it, and so does a token that is taken away', async () => {
  const page = await openPage();
  await page.reload();
  await sign(page, 'Gate', /^open$/);
  await page.click('#log-out');
  await page.waitForSelector('#login:not([hidden])');
  assert.is(await page.evaluate(() => sessionStorage.length), 0);
  assert.is(await page.textContent('#signs'), '');
  await page.fill('#token', token);
  await page.keyboard.press('Enter');
  await sign(page, 'Gate', /^open$/);
  await page.evaluate(() => sessionStorage.setItem('seckill operator', 'another-token'));
  await waitForText(page, '#login-message', 'The server does not accept your token any more.');
  await page.context().close();
});

test('while MySQL is down, the outbox grows on the page and selling goes on; afterwards it empties', async () => {
  await givenCoupon('outage');
  const page = await openPage();
  await sign(page, 'Outbox', /^0 entries$/);
  await sign(page, 'MySQL', /^answers$/);

  await mariadb.stop();
  await sign(page, 'MySQL', /^does not answer$/);
  await grab('outage');
  await grab('outage');
  await sign(page, 'Outbox', /^2 entries$/);

  await sign(page, 'Gate', /^open$/);
  await sign(page, 'Subscriptions', /^unknown$/);
  const cells = await page.$$eval('#partitions td:nth-child(3)', (all) => all.map(({ textContent }) => textContent));
  assert.equal(
    cells.filter((text) => text !== '0'),
    ['2'],
  );
  await waitForHint(page, '#subscriptions-hint', /MySQL does not answer/);
  await assertAccessible(page, 'the page of operators without MySQL');
  await takeScreenshot(page, 'operator-outage-light');

  await mariadb.start();
  await sign(page, 'MySQL', /^answers$/);
  await sign(page, 'Outbox', /^0 entries$/);
  await page.context().close();
});

test('a dead letter that is put back is applied, and the focus survives the updates of the page', async () => {
  await givenCoupon('letters');
  await mariadb.run("ALTER TABLE seckill.coupon_grabs ADD CONSTRAINT no_eve CHECK (customer <> 'eve')");
  const page = await openPage();
  await grab('letters', eve);
  await sign(page, 'Dead letters', /^1$/);
  const button = page.getByRole('button', { name: /^Put back: ann\/letters, / });
  await button.focus();
  const text = await page.textContent('#letters');
  assert.match(text ?? '', /no_eve/);
  assert.match(text ?? '', /CouponGrabbed of ann\/letters, version 2, customer eve/);
  assert.not.match(text ?? '', /insert into/i);
  // Two updates of the page.
  for (let updates = 0; updates < 2; updates++)
    await page.waitForResponse((response) => response.url().includes('/api/operator/dead-letters'));
  assert.match(await page.evaluate(() => document.activeElement?.getAttribute('aria-label') ?? ''), /^Put back/);
  await assertAccessible(page, 'a dead letter');

  // Without a reason nothing is done, and Escape cancels.
  await page.keyboard.press('Enter');
  await page.click('#act-yes');
  await waitForText(page, '#act-reason-message', 'Please give a reason.');
  await assertAccessible(page, 'the dialog of an act');
  await page.keyboard.press('Escape');
  await page.waitForSelector('#act:not([open])', { state: 'attached' });
  assert.is(await page.evaluate(() => document.activeElement?.getAttribute('aria-label')?.slice(0, 8)), 'Put back');
  await sign(page, 'Dead letters', /^1$/);

  await mariadb.run('ALTER TABLE seckill.coupon_grabs DROP CONSTRAINT no_eve');
  await act(page, 'Put back: ann/letters', 'The constraint is gone.');

  await waitForHint(page, '#letters-hint', /^None\.$/);
  await page.fill('#coupon-seller', 'ann');
  await page.fill('#coupon-name', 'letters');
  // The relay publishes the entry within seconds.
  for (let logged = 0; logged < 2; ) {
    const answered = page.waitForResponse((response) => response.url().includes('/api/operator/events'));
    await page.focus('#coupon-name');
    await page.keyboard.press('Enter');
    logged = ((await (await answered).json()) as { logged: number }).logged;
  }
  await waitForHint(page, '#coupon-versions', /The log is at version 2, Redis is at version 2\./);
  assert.match((await page.textContent('#coupon-events tbody')) ?? '', /CouponGrabbed.*customer: eve/);
  await page.click('#coupon-verify');
  await waitForText(page, '#coupon-verdict', 'Redis, MySQL and the log agree on 2 events.');
  await page.context().close();
});

test('a subscription that fails shows why, is retried, and leaves out the event that an operator skips', async () => {
  await givenCoupon('events');
  // The page may say that everything is delivered while the creation is not in the log yet.
  await until('the creation is delivered', async () =>
    (await messagesOf(nats.url)).some(({ event }) => event.subject === 'ann/events'),
  );
  const page = await openPage();
  await waitForHint(page, '#subscriptions', /nats.*Everything is delivered/);
  await nats.kill();
  await grab('events');
  await grab('events');
  await sign(page, 'Subscriptions', /^1 of 1 fail$/);
  await waitForHint(page, '#subscriptions', /Last failure: .*Next: CouponGrabbed of ann\/events/);

  await act(page, 'Skip next event of nats', 'The order was made by hand.');
  await waitForHint(page, '#subscriptions', /Next: CouponGrabbed of ann\/events, [\w-]+:3/);
  await nats.start();
  await act(page, 'Retry nats', 'The broker is back.');

  await waitForHint(page, '#subscriptions', /nats.*Everything is delivered/);
  await sign(page, 'Subscriptions', /^1, none fails$/);
  const versions = (await messagesOf(nats.url)).flatMap(({ event }) =>
    event.subject === 'ann/events' ? [event.data.version] : [],
  );
  assert.equal(versions, [1, 3]);
  await page.context().close();
});

test('a damaged coupon shows what is wrong, and its events show the missing version', async () => {
  await givenCoupon('broken');
  await grab('broken');
  const page = await openPage();
  await sign(page, 'Outbox', /^0 entries$/);
  await mariadb.run(
    'DROP TRIGGER seckill.event_log_keeps_unarchived',
    "DELETE FROM seckill.event_log WHERE name = 'broken' AND version = 1",
  );
  await redis.del(keys.coupon({ seller: 'ann', name: 'broken' }), keys.marker);

  await sign(page, 'Damaged coupons', /^1$/);
  await waitForHint(page, '#damaged', /ann\/broken.*the event log lacks version 1/);
  await page.getByRole('button', { name: 'Show events of ann/broken' }).click();
  await waitForHint(page, '#coupon-events', /1.*missing in the log.*2.*CouponGrabbed/);
  await sign(page, 'Reconcile', /^done$/);
  await page.click('#coupon-verify');
  await waitForHint(page, '#coupon-verdict', /mismatch/);
  assert.ok((await page.$$('#coupon-findings li')).length > 0);
  await assertAccessible(page, 'a damaged coupon');
  await takeScreenshot(page, 'operator-desktop-light');
  await page.context().close();
});

for (const colorScheme of ['light', 'dark'] as const)
  for (const [size, viewport] of Object.entries({ phone, desktop }))
    test(`the page is accessible and needs no sideways scrolling: ${size}, ${colorScheme}`, async () => {
      const page = await openPage({ colorScheme, viewport });
      await sign(page, 'Gate', /^open$/);
      await page.waitForSelector('#processes tr');
      await waitForHint(page, '#damaged-hint', /./);
      await assertAccessible(page, `the page of operators, ${size}, ${colorScheme}`);
      await takeScreenshot(page, `operator-${size}-${colorScheme}`);
      await page.context().close();
    });

test('while the server is stopped, the page says that its figures are old, and goes on afterwards', async () => {
  const page = await openPage();
  await sign(page, 'Gate', /^open$/);
  const port = Number(new URL(url).port);
  await server.close();
  await waitForHint(page, '#banner', /^These figures are old: /);
  await waitForText(page, '#stream-state', 'reconnecting');
  server = await openServer({ ...stores.config, port }, log);
  await waitForText(page, '#stream-state', 'live');
  await page.waitForSelector('#banner', { state: 'hidden' });
  await page.context().close();
});

// The last test: Redis does not come back.
test('while Redis is down, the gate is shut on the page, with the reason and the time', async () => {
  const page = await openPage();
  await sign(page, 'Gate', /^open$/);
  await stores.redis.close();
  await sign(page, 'Gate', /^shut$/);
  await sign(page, 'Redis', /^does not answer$/);
  await waitForHint(page, '#signs', /not reconciled with the event log.*since /);
  await waitForHint(page, '#letters-hint', /^Unknown, since Redis does not answer\.$/);
  await sign(page, 'MySQL', /^answers$/);
  await page.context().close();
});

test('no script has failed, and no request has violated the Content-Security-Policy', () => {
  assert.equal(errors, []);
});

test.after(async () => {
  await closeChromium();
  await server.close();
  await closeRedis();
  await stores.close();
  await nats.close();
  await mariadb.close();
});
test.run();
