import type { Page } from 'playwright-core';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { openWebhookReceiver, type Received, receiverSettings, until, verify } from '../support/webhookReceiver.ts';
import { assertAccessible, desktop, logIn, openBrowser, phone, takeScreenshot, waitForText } from './browser.ts';

const receiver = await openWebhookReceiver();
const { server, openPage, errors, close } = await openBrowser({
  ...receiverSettings(receiver),
  WEBHOOKS_PER_SELLER: '2',
});
const { client } = server;
const test = suite('the webhooks page');

let sellers = 0;
async function openWebhooks(page: Page): Promise<string> {
  const seller = `seller-${++sellers}`;
  await client.register(seller, 'seller');
  await logIn(page, seller);
  await page.click('#to-webhooks');
  await page.waitForSelector('#webhooks-empty:not([hidden])');
  return seller;
}
async function add(page: Page, path: string): Promise<string> {
  await page.fill('#webhook-url', `${receiver.url}/${path}`);
  await page.click('#webhook-form button');
  await page.waitForSelector('#webhook-secret:not([hidden])');
  return (await page.textContent('#webhook-secret-value')) ?? '';
}
const at = (path: string) => receiver.received.filter((request) => request.path === `/hook/${path}`);
const endpoint = '#webhook-list > li:nth-child(1)';
const press = (page: Page, name: string) => page.click(`${endpoint} button:text-is("${name}")`);

test('a webhook is added, its secret is shown once, and a test arrives with a good signature', async () => {
  const page = await openPage();
  await openWebhooks(page);
  const secret = await add(page, 'tested');
  await press(page, 'Send test');
  await page.waitForSelector(`${endpoint} .deliveries li`);
  verify(secret, at('tested')[0] as Received);
  assert.match((await page.textContent(`${endpoint} .deliveries li`)) ?? '', /204 WebhookTested/);
  await page.reload();
  await waitForText(page, `${endpoint} h2`, `${receiver.url}/tested`);

  assert.not((await page.content()).includes(secret));
  await page.context().close();
});

test('events that fail are shown with the answer, the webhook retries, and one event is sent again', async () => {
  const page = await openPage({ viewport: desktop });
  const seller = await openWebhooks(page);
  await add(page, 'failing');
  await page.click('#webhook-secret-done');
  receiver.answer = () => ({ status: 500, body: '<b>no room</b>' });
  const token = await client.enter(seller, 'seller');
  await client.create(token, seller, { name: 'Spring', amount: 3, stock: 5 });
  await page.click(`${endpoint} summary`);
  await page.waitForSelector(`${endpoint} .deliveries [data-taken=no]`);
  // The answer of a receiver is text, whatever it contains.
  assert.is(await page.textContent(`${endpoint} .deliveries code`), '<b>no room</b>');
  await page.waitForFunction((item) => /Failing since/.test(document.querySelector(item)?.textContent ?? ''), endpoint);
  await takeScreenshot(page, 'webhooks-desktop');
  await assertAccessible(page, 'webhooks on a desktop');
  receiver.answer = () => ({ status: 204 });
  await page.waitForSelector(`${endpoint} .deliveries [data-taken=yes]`, { timeout: 60_000 });
  const before = at('failing').length;
  await page.click(`${endpoint} .deliveries li[data-taken=yes] button`);
  await page.waitForFunction(
    (item) => /CouponCreated, sent again/.test(document.querySelector(`${item} .deliveries li`)?.textContent ?? ''),
    endpoint,
  );

  assert.is(at('failing').length, before + 1);
  assert.is(at('failing').at(-1)?.id, at('failing')[0]?.id);
  await page.context().close();
});

test('a webhook is paused, resumed, gets a new secret, and is deleted', async () => {
  const page = await openPage({ viewport: phone });
  const seller = await openWebhooks(page);
  const secret = await add(page, 'changed');
  await page.click('#webhook-secret-done');
  await press(page, 'Pause');
  await waitForText(page, `${endpoint} .pill`, 'paused');
  const token = await client.enter(seller, 'seller');
  await client.create(token, seller, { name: 'Spring', amount: 3, stock: 5 });
  await press(page, 'New secret');
  await page.click('#confirm-yes');
  await page.waitForSelector('#webhook-secret:not([hidden])');
  const fresh = (await page.textContent('#webhook-secret-value')) ?? '';
  assert.not.equal(fresh, secret);
  await assertAccessible(page, 'webhooks on a phone');
  assert.is(at('changed').length, 0);
  await press(page, 'Resume');
  await waitForText(page, `${endpoint} .pill`, 'active');
  await until(() => at('changed').length === 1);
  for (const one of [secret, fresh]) verify(one, at('changed')[0] as Received);
  await press(page, 'Delete');
  await page.click('#confirm-yes');
  await page.waitForSelector('#webhooks-empty:not([hidden])');

  assert.is(await page.locator('#webhook-list > li').count(), 0);
  await page.context().close();
});

test('a URL that is refused is marked with the reason, and so is one too many', async () => {
  const page = await openPage();
  await openWebhooks(page);
  for (const [url, text] of [
    ['http://shop.example/', 'The URL must begin with https://.'],
    ['https://10.0.0.1/', 'The URL must lead to a public address.'],
    ['shop', 'This is no URL. It should look like https://shop.example/events.'],
  ] as const) {
    await page.fill('#webhook-url', url);
    await page.click('#webhook-form button');
    await waitForText(page, '#webhook-url-message', text);
  }
  for (const path of ['one', 'two']) {
    await add(page, path);
    await page.click('#webhook-secret-done');
  }
  await page.fill('#webhook-url', `${receiver.url}/three`);
  await page.click('#webhook-form button');
  await waitForText(page, '#webhook-message', 'You have as many webhooks as one seller may have.');
  await page.context().close();
});

test('no page has reported an error', () => {
  assert.equal(errors, []);
});

test.after(async () => {
  await close();
  await receiver.close();
});
test.run();
