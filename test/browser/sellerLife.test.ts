import { readFileSync } from 'node:fs';
import type { Page } from 'playwright-core';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { assertAccessible, desktop, logIn, openBrowser, phone, takeScreenshot, waitForText } from './browser.ts';

const { server, openPage, errors, close } = await openBrowser();
const { client } = server;
const test = suite("a seller's page through the life of a coupon");

let users = 0;
async function givenSale(coupon: object = {}, grabs: readonly string[] = []) {
  const seller = `seller-${++users}`;
  const token = await client.enter(seller, 'seller');
  const created = await client.create(token, seller, { name: 'Spring', amount: 5, stock: 5, ...coupon });
  assert.is(created.status, 201);
  const codes = [];
  for (const name of grabs) {
    const { body } = await client.grab(await client.enter(`${name}-${users}`, 'customer'), seller, 'Spring');
    codes.push(String(body?.code));
  }
  return { seller, token, codes };
}
async function open(page: Page, seller: string): Promise<void> {
  await logIn(page, seller);
  await waitForText(page, '#board-name', 'Spring');
}
const coupon = async (token: string, seller: string, name = 'Spring') =>
  (await client.send('GET', `/api/users/${seller}/coupons/${name}`, { token })).body?.data as Record<string, unknown>;

test('a coupon is created with a window, a validity and a limit, in the time zone of the seller', async () => {
  const { seller, token } = await givenSale();
  const page = await openPage({ timezoneId: 'Asia/Tokyo' });
  await open(page, seller);
  await page.fill('#coupon-name', 'Later');
  await page.click('#create-limits summary');
  await waitForText(page, '#create-limits .time-zone', 'Asia/Tokyo, UTC+9');
  await page.fill('#coupon-starts', '2099-05-01T12:00:00');
  await page.fill('#coupon-ends', '2099-05-01T13:00:00');
  await page.fill('#coupon-valid-from', '2099-05-02T00:00:00');
  await page.fill('#coupon-valid-until', '2099-06-01T00:00:00');
  await page.fill('#coupon-per-customer', '3');
  await page.click('#create-form button');
  await waitForText(page, '#board-name', 'Later');
  await waitForText(page, '#board-status', 'scheduled');
  const { status, startsAt, endsAt, validFrom, validUntil, perCustomer } = await coupon(token, seller, 'Later');
  assert.equal(
    { status, startsAt, endsAt, validFrom, validUntil, perCustomer },
    {
      status: 'scheduled',
      startsAt: '2099-05-01T03:00:00.000Z',
      endsAt: '2099-05-01T04:00:00.000Z',
      validFrom: '2099-05-01T15:00:00.000Z',
      validUntil: '2099-05-31T15:00:00.000Z',
      perCustomer: 3,
    },
  );
  await waitForText(
    page,
    '#window-text',
    'Sale starts May 1, 2099, 12:00:00. Sale ends May 1, 2099, 13:00:00. Each customer can have 3 pieces.',
  );
  await page.context().close();
});

test('a wrong limit is explained, even where the part of the form is closed', async () => {
  const { seller } = await givenSale();
  const page = await openPage();
  await open(page, seller);
  await page.fill('#coupon-name', 'Wrong');
  await page.click('#create-limits summary');
  await page.fill('#coupon-starts', '2099-05-01T12:00:00');
  await page.fill('#coupon-ends', '2099-05-01T11:00:00');
  await page.click('#create-limits summary');
  await page.click('#create-form button');
  await waitForText(page, '#coupon-ends-message', 'The sale must end after it starts.');
  assert.is(await page.evaluate(() => document.activeElement?.id), 'coupon-ends');
  await page.context().close();
});

test('a seller restocks, pauses, resumes and closes, each after a confirmation, with the keyboard alone', async () => {
  const { seller, token } = await givenSale({ amount: 1 }, ['bob']);
  const page = await openPage();
  await open(page, seller);
  const press = async (...keys: string[]) => {
    for (const key of keys) await page.keyboard.press(key);
  };
  await waitForText(page, '#board-status', 'sold out');
  await page.focus('#restock-open');
  await press('Enter');
  await waitForText(page, '#restock-title', 'Restock Spring');
  await page.keyboard.type('4');
  await press('Enter');
  await waitForText(page, '#board-status', 'on sale');
  await waitForText(page, '#board-amount', '5');
  await waitForText(page, '#board-left', '4');
  await page.waitForFunction(() => document.activeElement?.id === 'restock-open');

  await page.focus('#pause');
  await press('Enter');
  await waitForText(page, '#confirm-title', 'Pause Spring?');
  await press('Escape');
  assert.is((await coupon(token, seller)).status, 'on-sale');
  await press('Enter', 'Tab', 'Enter');
  await waitForText(page, '#board-status', 'paused');
  await waitForText(page, '#pause', 'Resume');
  await press('Enter', 'Tab', 'Enter');
  await waitForText(page, '#board-status', 'on sale');

  await page.focus('#close');
  await press('Enter', 'Tab', 'Enter');
  await waitForText(page, '#board-status', 'closed');
  assert.is(await page.getAttribute('#restock-open', 'aria-disabled'), 'true');
  assert.is(await page.textContent('#manage-message'), '');
  await page.context().close();
});

test('new terms: only what was edited changes, and an emptied time is no limit any more', async () => {
  const { seller, token } = await givenSale({ description: 'Old', endsAt: '2099-01-01T00:00:00Z', validUntil: 4e12 });
  const page = await openPage();
  await open(page, seller);
  await page.click('#terms-open');
  await page.waitForSelector('#terms-dialog[open]');
  await page.fill('#terms-stock', '8');
  await page.fill('#terms-ends', '');
  const [sent] = await Promise.all([
    page.waitForRequest((request) => request.url().endsWith('/terms')),
    page.click('#terms-form button[type=submit]'),
  ]);
  assert.equal(sent.postDataJSON(), { stock: '8', endsAt: null });
  await waitForText(page, '#board-stock', '8');
  const { endsAt, validUntil, description } = await coupon(token, seller);
  assert.equal([endsAt, validUntil, description], [undefined, new Date(4e12).toISOString(), 'Old']);
  await page.context().close();
});

test('a refused change is explained in plain words', async () => {
  const { seller, token } = await givenSale();
  const page = await openPage();
  await open(page, seller);
  await page.click('#restock-open');
  await page.fill('#restock-amount', 'many');
  await page.click('#restock-form button[type=submit]');
  await waitForText(page, '#restock-amount-message', 'The number of pieces must be a whole number, 1 or more.');
  await page.click('#restock-cancel');
  await page.click('#pause');
  // Another tab is faster.
  await client.send('POST', `/api/users/${seller}/coupons/Spring/close`, { token, json: {} });
  await page.click('#confirm-yes');
  await waitForText(page, '#manage-message', 'The sale is closed, which is final.');
  await page.context().close();
});

test('winners are listed in pages, searched by the beginning of their names, and saved as CSV', async () => {
  const names = Array.from({ length: 23 }, (_, index) => `w${String(index + 1).padStart(2, '0')}`);
  const { seller, codes } = await givenSale({ amount: 30 }, names);
  const page = await openPage();
  await open(page, seller);
  await waitForText(page, '#durable-state', 'yes');
  const shown = () => page.locator('#holders b').allTextContents();
  await page.click('#holders-form button');
  await page.waitForSelector('#holders li:nth-child(20)');
  assert.is((await shown())[0], `w01-${users}`);
  await page.click('#holders-next');
  await waitForText(page, '#holders li:nth-child(1) b', `w21-${users}`);
  assert.is((await shown()).length, 3);
  await page.click('#holders-previous');
  await waitForText(page, '#holders li:nth-child(1) code', codes[0] ?? '');
  await page.fill('#holders-search', 'w1');
  await page.press('#holders-search', 'Enter');
  await waitForText(page, '#holders li:nth-child(1) b', `w10-${users}`);
  assert.is((await shown()).length, 10);
  const [file] = await Promise.all([page.waitForEvent('download'), page.click('#holders-csv')]);
  assert.match(file.suggestedFilename(), /Spring\.csv$/);
  const lines = readFileSync(await file.path(), 'utf8')
    .trim()
    .split('\r\n');
  assert.is(lines.length, 11);
  assert.match(lines[1] ?? '', new RegExp(`^\\d+,w10-${users},${codes[9]},`));
  await page.fill('#holders-search', 'nobody');
  await page.press('#holders-search', 'Enter');
  await waitForText(page, '#holders-note', 'No winner has such a name.');
  await page.context().close();
});

test('what the seller has changed is listed from MySQL, and goes on as it happens', async () => {
  const { seller, token } = await givenSale({ amount: 2 }, ['bob']);
  const change = (name: string, json: object = {}) =>
    client.send('POST', `/api/users/${seller}/coupons/Spring/${name}`, { token, json });
  await change('restock', { amount: 3 });
  const page = await openPage();
  await open(page, seller);
  const texts = async () =>
    (await page.locator('#marks li').allTextContents()).map((text) => text.replace(/^.*\d\d:\d\d:\d\d /, ''));
  await page.waitForSelector('#marks li:nth-child(2)');
  assert.equal(await texts(), ['created with 2 pieces', 'restocked by 3 to 5']);
  await change('pause');
  await page.waitForSelector('#marks li:nth-child(3)');
  await change('resume');
  await change('terms', { stock: 6 });
  await page.waitForSelector('#marks li:nth-child(5)');
  assert.equal((await texts()).slice(2), ['paused', 'resumed', 'new terms']);
  await page.context().close();
});

for (const [size, viewport] of Object.entries({ phone, desktop })) {
  for (const colorScheme of ['light', 'dark'] as const) {
    test(`changes, dialogs and winners are accessible and fit the width: ${size}, ${colorScheme}`, async () => {
      const { seller, token } = await givenSale({ amount: 4, perCustomer: 2, endsAt: 4e12 }, ['a', 'b', 'c']);
      await client.send('POST', `/api/users/${seller}/coupons/Spring/restock`, { token, json: { amount: 2 } });
      await client.send('POST', `/api/users/${seller}/coupons/Spring/pause`, { token, json: {} });
      const page = await openPage({ viewport, colorScheme });
      await open(page, seller);
      await page.click('#create-limits summary');
      await waitForText(page, '#durable-state', 'yes');
      await page.click('#holders-form button');
      await page.waitForSelector('#holders li:nth-child(3)');
      await page.waitForSelector('#marks li:nth-child(3)');
      await assertAccessible(page, 'the board');
      await takeScreenshot(page, `life-${size}-${colorScheme}`);
      for (const [opener, dialog, cancel] of [
        ['#restock-open', '#restock-dialog', '#restock-cancel'],
        ['#terms-open', '#terms-dialog', '#terms-cancel'],
        ['#close', '#confirm', '#confirm-no'],
      ] as const) {
        await page.click(opener);
        await page.waitForSelector(`${dialog}[open]`);
        await assertAccessible(page, dialog);
        await page.click(cancel);
      }
      await page.context().close();
    });
  }
}

test('no script has failed, and no request has violated the Content-Security-Policy', () => {
  assert.equal(errors, []);
});

test.after(close);
test.run();
