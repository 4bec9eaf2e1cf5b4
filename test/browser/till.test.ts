import type { Page } from 'playwright-core';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { assertAccessible, desktop, logIn, openBrowser, phone, takeScreenshot, waitForText } from './browser.ts';

const { server, openPage, errors, close } = await openBrowser();
const { client } = server;
const test = suite('the till');

let users = 0;
async function givenCodes(count: number, coupon: object = {}) {
  const seller = `seller-${++users}`;
  const token = await client.enter(seller, 'seller');
  await client.create(token, seller, { name: 'Spring', amount: 9, stock: 5, perCustomer: 9, ...coupon });
  const customer = `customer-${users}`;
  const customerToken = await client.enter(customer, 'customer');
  const codes: string[] = [];
  for (let grabs = 0; grabs < count; grabs++)
    codes.push(String((await client.grab(customerToken, seller, 'Spring')).body?.code));
  const [code = ''] = codes;
  return { seller, token, customer, customerToken, codes, code };
}
async function openTill(page: Page, seller: string): Promise<void> {
  await logIn(page, seller);
  await page.click('#to-till');
  await waitForFocus(page);
}
const waitForFocus = (page: Page) => page.waitForFunction(() => document.activeElement?.id === 'till-code');
const newest = '#till-results li:nth-child(1)';
/** A hand scanner is a keyboard that types fast and sends Enter. */
async function scan(page: Page, code: string): Promise<void> {
  await page.keyboard.type(code);
  await page.keyboard.press('Enter');
}

test('a code is redeemed in any case and with any separators, and the field is ready for the next one', async () => {
  const { seller, customer, codes } = await givenCodes(3);
  const [first = '', second = '', third = ''] = codes;
  const page = await openPage();
  await openTill(page, seller);
  for (const typed of [first, second.toLowerCase().replaceAll('-', ''), ` ${third.replaceAll('-', ' ')} `]) {
    await scan(page, typed);
    await waitForText(page, `${newest} .verdict`, 'Redeemed: Spring');
    await waitForFocus(page);
    assert.is(await page.inputValue('#till-code'), '');
  }
  assert.equal(await page.locator('#till-results code').allTextContents(), [third, second, first]);
  assert.match(
    (await page.textContent(`${newest} .hint`)) ?? '',
    new RegExp(`^${customer} grabbed it on \\w+ \\d+, \\d{4}`),
  );
  await page.context().close();
});

test('a scanner that does not wait for the answers gets a result for each code', async () => {
  const { seller, codes } = await givenCodes(5);
  const page = await openPage();
  await openTill(page, seller);
  for (const code of codes) await scan(page, code);
  await page.waitForFunction(
    (count) => document.querySelectorAll('#till-results [data-state=good]').length === count,
    codes.length,
  );
  await page.context().close();
});

test('a code that was pasted is redeemed', async () => {
  const { seller, code } = await givenCodes(1);
  const page = await openPage();
  await page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
  await openTill(page, seller);
  await page.evaluate((text) => navigator.clipboard.writeText(`${text}\n`), code);
  await page.keyboard.press('Control+V');
  await page.keyboard.press('Enter');
  await waitForText(page, `${newest} .verdict`, 'Redeemed: Spring');
  await page.context().close();
});

test('the page says why a code is refused: redeemed before, mistyped, unknown, given back, of another seller', async () => {
  const { seller, customer, customerToken, codes, code } = await givenCodes(2);
  const other = await givenCodes(1);
  const page = await openPage();
  await openTill(page, seller);
  await scan(page, code);
  await waitForText(page, `${newest} .verdict`, 'Redeemed: Spring');
  await scan(page, code);
  await page.waitForFunction(
    (selector) =>
      /^Redeemed before, on \w+ \d+, \d{4}, \d\d:\d\d:\d\d\.$/.test(
        document.querySelector(selector)?.textContent ?? '',
      ),
    `${newest} .verdict`,
  );
  const mistyped = code.slice(0, -1) + (code.endsWith('A') ? 'B' : 'A');
  await scan(page, mistyped);
  await waitForText(page, `${newest} .verdict`, 'Mistyped: this is no code. Please check each character.');
  // It can be corrected, and a scan replaces it.
  assert.is(await page.inputValue('#till-code'), mistyped);
  await waitForFocus(page);
  const unknown = 'Unknown code: it is of no coupon of yours, or the customer has given the coupon back.';
  await scan(page, other.code);
  await waitForText(page, `${newest} .verdict`, unknown);
  const path = `/api/users/${customer}/coupons/${seller}/Spring?code=${codes[1]}`;
  assert.is((await client.send('DELETE', path, { token: customerToken })).status, 200);
  await scan(page, codes[1] ?? '');
  await page.waitForSelector('#till-results li:nth-child(5)');
  await waitForText(page, `${newest} .verdict`, unknown);
  await page.context().close();
});

for (const [name, coupon, text] of [
  ['validity has not begun', { validFrom: 4e12 }, 'Not valid yet.'],
  ['validity is over', { validUntil: 1e12 }, 'No longer valid.'],
] as const) {
  test(`a code whose ${name} is refused: ${text}`, async () => {
    const { seller, code } = await givenCodes(1, coupon);
    const page = await openPage();
    await openTill(page, seller);
    await scan(page, code);
    await waitForText(page, `${newest} .verdict`, text);
    await page.context().close();
  });
}

test('a redemption is undone with the keyboard, and the code can be redeemed again', async () => {
  const { seller, code } = await givenCodes(1);
  const page = await openPage();
  await openTill(page, seller);
  await scan(page, code);
  await waitForText(page, `${newest} .verdict`, 'Redeemed: Spring');
  // The button to redeem, and then the one to undo.
  for (const key of ['Tab', 'Tab', 'Enter']) await page.keyboard.press(key);
  await waitForText(page, `${newest} .verdict`, 'Undone: the code is good again');
  await waitForFocus(page);
  await scan(page, code);
  await page.waitForSelector('#till-results li:nth-child(2)');
  await waitForText(page, `${newest} .verdict`, 'Redeemed: Spring');
  await page.context().close();
});

test('the till is in the address: a reload keeps it, a log-out leaves it, and nothing of it stays on the page', async () => {
  const { seller, code } = await givenCodes(1);
  const page = await openPage();
  await openTill(page, seller);
  await scan(page, code);
  await page.reload();
  await waitForFocus(page);
  assert.is(await page.locator('#till-results li').count(), 0);
  await page.click('#to-sales');
  await waitForText(page, '#board-name', 'Spring');
  await page.click('#to-till');
  await page.click('#log-out');
  await page.waitForSelector('#login:not([hidden])');
  assert.is(await page.isVisible('#to-till'), false);
  assert.is(new URL(page.url()).hash, '');
  await page.context().close();
});

for (const [size, viewport] of Object.entries({ phone, desktop })) {
  for (const colorScheme of ['light', 'dark'] as const) {
    test(`the till is accessible and fits the width: ${size}, ${colorScheme}`, async () => {
      const { seller, codes } = await givenCodes(2);
      const page = await openPage({ viewport, colorScheme });
      await openTill(page, seller);
      await assertAccessible(page, 'an empty till');
      for (const code of [...codes, codes[1] ?? '', 'wrong']) {
        await scan(page, code);
        await page.waitForFunction(() => document.querySelector('#till-results [data-state=waiting]') === null);
      }
      await assertAccessible(page, 'results');
      await takeScreenshot(page, `till-${size}-${colorScheme}`);
      await page.context().close();
    });
  }
}

test('no script has failed, and no request has violated the Content-Security-Policy', () => {
  assert.equal(errors, []);
});

test.after(close);
test.run();
