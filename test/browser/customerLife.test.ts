import type { Page } from 'playwright-core';
import { encode } from 'uqr';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { assertAccessible, desktop, logIn, openBrowser, phone, waitForText } from './browser.ts';

const { server, openPage, errors, close } = await openBrowser();
const { client } = server;
const test = suite("a customer's page through the life of a coupon");

let users = 0;
async function givenSale(coupon: object) {
  const [seller, customer] = [`seller-${++users}`, `customer-${users}`];
  const token = await client.enter(seller, 'seller');
  const created = await client.create(token, seller, { name: 'Spring', amount: 5, stock: 5, ...coupon });
  assert.is(created.status, 201);
  const customerToken = await client.enter(customer, 'customer');
  return {
    seller,
    customer,
    customerToken,
    async change(name: string, json: object = {}) {
      const path = `/api/users/${seller}/coupons/Spring/${name}`;
      assert.is((await client.send('POST', path, { token, json })).status, 200, name);
    },
    grab: async () => String((await client.grab(customerToken, seller, 'Spring')).body?.code),
    redeem: (code: string) => client.send('POST', `/api/users/${seller}/redemptions`, { token, json: { code } }),
  };
}
async function open(page: Page, { seller, customer }: { seller: string; customer: string }): Promise<void> {
  await page.goto(`${server.url}/?seller=${seller}`);
  await logIn(page, customer);
  await waitForText(page, '#offers-title', `Coupons from ${seller}`);
}
const button = '#offers .offer button';
const inAnHour = () => Date.now() + 3_600_000;

test('before the start there is a countdown; at the start, by the clock of the server, the button can be used', async () => {
  const sale = await givenSale({ startsAt: inAnHour() });
  const page = await openPage();
  // The clock of this device is wrong by an hour.
  await page.addInitScript(() => {
    const { now } = Date;
    Date.now = () => now() + 3_600_000;
  });
  await open(page, sale);
  assert.match((await page.textContent('.countdown')) ?? '', /^Starts in (1:00:00|59:\d\d) · /);
  assert.is(await page.getAttribute(button, 'aria-disabled'), 'true');
  // Clicks in the very moment in which the button can be used: the server must have started too.
  await page.evaluate((selector) => {
    const target = document.querySelector<HTMLButtonElement>(selector);
    if (target === null) return;
    new MutationObserver(() => {
      if (target.getAttribute('aria-disabled') === 'false') target.click();
    }).observe(target, { attributes: true });
  }, button);
  await sale.change('terms', { startsAt: Date.now() + 3_000 });
  await waitForText(page, '.outcome', 'Grabbed! This coupon is yours.');
  await page.context().close();
});

test('a click before the start sends nothing and says when the sale starts', async () => {
  const sale = await givenSale({ startsAt: inAnHour() });
  const page = await openPage();
  await open(page, sale);
  const grabs: string[] = [];
  page.on('request', (request) => request.method() === 'PATCH' && grabs.push(request.url()));
  await page.click(button, { force: true });
  await page.waitForFunction(() => document.querySelector('#announcer')?.textContent?.startsWith('Spring: Starts in'));
  assert.equal(grabs, []);
  await page.context().close();
});

test('automatic requests are spread over 200 ms, and a click does not wait', async () => {
  const sale = await givenSale({});
  const page = await openPage();
  await page.clock.install();
  await open(page, sale);
  await page.clock.pauseAt(Date.now() + 60_000);
  // The timers are set before the clock runs.
  await page.evaluate(async (path) => {
    const { spread } = (await import(path)) as { spread: (signal: AbortSignal, callback: () => void) => void };
    const since = performance.now();
    const { signal } = new AbortController();
    const waited: number[] = [];
    Object.assign(globalThis, { waited });
    for (let i = 0; i < 200; i++) spread(signal, () => waited.push(performance.now() - since));
  }, '/console/server/clock.js');
  await page.clock.runFor(250);
  const { waited } = await page.evaluate(() => ({ waited: (globalThis as unknown as { waited: number[] }).waited }));
  assert.is(waited.length, 200);
  assert.ok(waited.every((ms) => ms >= 0 && ms <= 201));
  assert.ok(new Set(waited.map((ms) => Math.floor(ms / 20))).size > 5, 'the delays differ');
  // The clock of the page stands still, so a click that waited would never send its request.
  await page.click(button);
  await page.locator('.outcome[data-outcome=grabbed]').waitFor();
  await page.context().close();
});

test('a customer sees pause, resume, new terms, restock and close as they happen', async () => {
  const sale = await givenSale({ amount: 1 });
  const page = await openPage();
  await open(page, sale);
  const count = '.offer .counts span';
  await waitForText(page, count, '1 of 1 left');
  await sale.change('pause');
  await waitForText(page, count, 'paused · 1 of 1 left');
  await page.click(button);
  await waitForText(page, '.outcome', 'The sale is paused. Please try again later.');
  await sale.change('resume');
  await waitForText(page, count, '1 of 1 left');
  await sale.change('terms', { stock: 9, startsAt: inAnHour() });
  await page.waitForFunction(() => document.querySelector('.countdown')?.textContent?.startsWith('Starts in '));
  await waitForText(page, `${count}:nth-child(2)`, 'face value 9');
  await sale.change('terms', { startsAt: null });
  await page.click('#find-seller');
  await client.grab(await client.enter(`${sale.customer}-other`, 'customer'), sale.seller, 'Spring');
  await waitForText(page, '#sold-out-list .counts span', 'sold out');
  await sale.change('restock', { amount: 2 });
  await waitForText(page, '#offers-list .counts span', '2 of 3 left');
  await sale.change('close');
  await waitForText(page, '#sold-out-list .counts span', 'closed');
  await page.click(button);
  await waitForText(page, '.outcome', 'The sale is closed.');
  await page.context().close();
});

test('a sale that ends says so by itself', async () => {
  const sale = await givenSale({ endsAt: Date.now() + 4_000 });
  const page = await openPage();
  await open(page, sale);
  await waitForText(page, '#sold-out-list .counts span', 'ended');
  await page.click(button);
  await waitForText(page, '.outcome', 'The sale has ended.');
  await page.context().close();
});

test('a coupon with a limit of two pieces can be grabbed twice', async () => {
  const sale = await givenSale({ perCustomer: 2 });
  const page = await openPage();
  await open(page, sale);
  for (const pieces of [1, 2]) {
    await page.click('[aria-label="Grab Spring"]');
    await waitForText(page, '.counts span:nth-child(3)', `${pieces} of 2 for you`);
    await page.locator(`#owned li:nth-child(${pieces})`).waitFor();
  }
  assert.is(await page.getAttribute('[aria-label="Spring is yours"]', 'aria-disabled'), 'true');
  await page.context().close();
});

test('a coupon has its code as text and as a QR code, and is marked when the seller has redeemed it', async () => {
  const sale = await givenSale({ validUntil: inAnHour() });
  const code = await sale.grab();
  const page = await openPage();
  await open(page, sale);
  await waitForText(page, '#owned code', code);
  assert.match((await page.textContent('#owned')) ?? '', /valid until \w+ \d+, \d{4}/);
  await page.click('[aria-label="Show QR code of Spring"]');
  const squares = await page.$eval('#owned .qr path', (path) => path.getAttribute('d')?.match(/M/g)?.length);
  assert.is(squares, encode(code, { ecc: 'M', border: 4 }).data.flat().filter(Boolean).length);
  assert.is((await sale.redeem(code)).status, 200);
  // The list is read again while the code is shown.
  await page.waitForFunction(() => document.querySelector('#owned .redeemed')?.textContent?.startsWith('Redeemed on '));
  assert.is(await page.isVisible('[aria-label="Give back Spring"]'), false);
  assert.is(await page.isVisible('#owned .qr'), false);
  await page.context().close();
});

test('a coupon is given back after a confirmation, with the keyboard alone, and can be grabbed again', async () => {
  const sale = await givenSale({});
  const code = await sale.grab();
  const page = await openPage();
  await open(page, sale);
  const give = '[aria-label="Give back Spring"]';
  await page.locator(give).focus();
  await page.keyboard.press('Enter');
  await waitForText(page, '#confirm-title', 'Give Spring back?');
  await page.keyboard.press('Escape');
  await page.waitForFunction(() => document.activeElement?.getAttribute('aria-label') === 'Give back Spring');
  await page.keyboard.press('Enter');
  await page.keyboard.press('Tab');
  await page.keyboard.press('Enter');
  await page.waitForSelector('#owned-empty:not([hidden])');
  await page.waitForFunction(() => document.activeElement?.id === 'owned-title');
  assert.is((await sale.redeem(code)).status, 404);
  await page.click('[aria-label="Grab Spring"]');
  await page.waitForFunction((old) => {
    const shown = document.querySelector('#owned code')?.textContent;
    return shown !== undefined && shown !== null && shown !== old;
  }, code);
  await page.context().close();
});

test('a coupon that was redeemed meanwhile is not given back, and the page says why', async () => {
  const sale = await givenSale({});
  const code = await sale.grab();
  const page = await openPage();
  await open(page, sale);
  await page.locator('#owned code').waitFor();
  await sale.redeem(code);
  await page.click('[aria-label="Give back Spring"]');
  await page.click('#confirm-yes');
  await waitForText(page, '#owned [role=status]', 'This coupon is already redeemed.');
  await page.context().close();
});

for (const [size, viewport] of Object.entries({ phone, desktop })) {
  for (const colorScheme of ['light', 'dark'] as const) {
    test(`countdown, codes and the confirmation are accessible and fit the width: ${size}, ${colorScheme}`, async () => {
      const sale = await givenSale({ perCustomer: 2 });
      await sale.redeem(await sale.grab());
      await sale.grab();
      await sale.change('terms', { startsAt: inAnHour() });
      const page = await openPage({ viewport, colorScheme });
      await open(page, sale);
      await page.click('[aria-label="Show QR code of Spring"]');
      await assertAccessible(page, 'a code');
      await page.click('[aria-label="Give back Spring"]');
      await assertAccessible(page, 'the confirmation');
      await page.context().close();
    });
  }
}

test('no script has failed, and no request has violated the Content-Security-Policy', () => {
  assert.equal(errors, []);
});

test.after(close);
test.run();
