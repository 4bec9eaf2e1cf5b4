import type { Page } from 'playwright-core';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { logIn, openBrowser, phone, register, waitForText } from './browser.ts';

const { server, openPage, errors, close } = await openBrowser();
const { client } = server;
const test = suite("a customer's page");

let users = 0;
const newName = (kind: string) => `${kind}-${++users}`;
async function givenSeller(...coupons: [name: string, amount: number][]): Promise<{ seller: string; token: string }> {
  const seller = newName('seller');
  const token = await client.enter(seller, 'seller');
  for (const [name, amount] of coupons) await client.create(token, seller, { name, amount, stock: 5 });
  return { seller, token };
}
const numbered = (count: number) => Array.from({ length: count }, (_, i): [string, number] => [`Coupon ${i + 1}`, 5]);
async function find(page: Page, seller: string): Promise<void> {
  await page.fill('#find-seller', seller);
  await page.click('#find-form button');
  await waitForText(page, '#offers-title', `Coupons from ${seller}`);
}

test('nothing of a customer stays on the page when another one logs in in the same tab', async () => {
  const { seller } = await givenSeller(['Spring', 5]);
  const page = await openPage();
  await register(page, newName('customer'), 'customer');
  await find(page, seller);
  await page.click('[aria-label="Grab Spring"]');
  await waitForText(page, '#owned h3', 'Spring');
  await page.click('#log-out');
  await register(page, newName('customer'), 'customer');
  await waitForText(page, '#owned-empty', 'You have not grabbed a coupon yet.');
  assert.is(await page.locator('#owned li').count(), 0);
  assert.is(await page.isVisible('#owned-empty'), true);
  assert.is(await page.isVisible('#offers'), false);
  assert.is(await page.inputValue('#find-seller'), '');
  await page.context().close();
});

test('an answer that arrives after the account was switched is not shown', async () => {
  const { seller } = await givenSeller(['Spring', 5]);
  const [slow, other] = [newName('customer'), newName('customer')];
  await client.grab(await client.enter(slow, 'customer'), seller, 'Spring');
  await client.register(other, 'customer');
  const page = await openPage();
  let answer = () => {};
  const isHeld = new Promise<void>((resolve) => {
    void page.route(`**/api/users/${slow}/coupons*`, async (route) => {
      resolve();
      await new Promise<void>((release) => (answer = release));
      await route.continue().catch(() => {});
    });
  });
  await logIn(page, slow);
  await isHeld;
  await page.click('#log-out');
  await logIn(page, other);
  await page.waitForSelector('#customer:not([hidden])');
  answer();
  await find(page, seller);
  assert.is(await page.locator('#owned li').count(), 0);
  await page.context().close();
});

test('turning a page leads to the top of the list, for the eyes and for the keyboard', async () => {
  const { seller } = await givenSeller(...numbered(21));
  const page = await openPage({ viewport: phone });
  await register(page, newName('customer'), 'customer');
  await find(page, seller);
  await page.click('#offers-next');
  await waitForText(page, '#offers-page', 'Page 2');
  await page.waitForFunction(() => document.activeElement?.id === 'offers-title');
  const top = await page.$eval('#offers-title', (title) => title.getBoundingClientRect().top);
  assert.ok(top >= 0 && top < phone.height / 2, `the title is at ${top}`);
  await page.context().close();
});

test('a link to a seller asks for a log-in and then shows the coupons; a reload keeps them, a log-out does not', async () => {
  const { seller } = await givenSeller(['Spring', 5]);
  const page = await openPage();
  await page.goto(`${server.url}/?seller=${seller}`);
  const hint = `Log in or register as a customer to see the coupons from ${seller}.`;
  await waitForText(page, '#login-seller', hint);
  await page.click('#login-switch');
  assert.is(await page.isChecked('#kind-customer'), true);
  await page.fill('#username', newName('customer'));
  await page.fill('#password', 'secret');
  await page.click('#login-submit');
  await waitForText(page, '#offers-title', `Coupons from ${seller}`);
  await page.reload();
  await waitForText(page, '#offers-title', `Coupons from ${seller}`);
  await page.click('#log-out');
  await page.waitForSelector('#login:not([hidden])');
  assert.is(new URL(page.url()).search, '');
  await page.context().close();
});

test('a seller who was searched for is in the address', async () => {
  const { seller } = await givenSeller(['Spring', 5]);
  const page = await openPage();
  await register(page, newName('customer'), 'customer');
  await find(page, seller);
  await page.waitForURL(`${server.url}/?seller=${seller}`);
  await page.context().close();
});

test('a coupon that is yours has no button to grab it, before and after a reload', async () => {
  const { seller } = await givenSeller(['Spring', 5], ['Summer', 5]);
  const page = await openPage();
  await register(page, newName('customer'), 'customer');
  await find(page, seller);
  await page.click('[aria-label="Grab Spring"]');
  const assertYours = async () => {
    const button = page.locator('[aria-label="Spring is yours"]');
    await button.waitFor();
    assert.is(await button.textContent(), 'Yours');
    assert.is(await button.getAttribute('aria-disabled'), 'true');
    assert.is(await button.getAttribute('class'), 'quiet');
    assert.is(await page.locator('[aria-label="Grab Summer"]').getAttribute('class'), 'primary');
  };
  await assertYours();
  await page.reload();
  await assertYours();
  await page.context().close();
});

test('a coupon that was grabbed in another tab says so', async () => {
  const { seller } = await givenSeller(['Spring', 5]);
  const page = await openPage();
  const user = newName('customer');
  await register(page, user, 'customer');
  await find(page, seller);
  await client.grab(await client.enter(user, 'customer'), seller, 'Spring');
  await page.click('[aria-label="Grab Spring"]');
  await waitForText(page, '.outcome', 'You already have this coupon.');
  await waitForText(page, '#owned h3', 'Spring');
  await page.context().close();
});

test('two coupons of one name differ by their sellers and times, the newest first', async () => {
  const sellers = [await givenSeller(['Twin', 5]), await givenSeller(['Twin', 5])];
  const user = newName('customer');
  const token = await client.enter(user, 'customer');
  for (const { seller } of sellers) await client.grab(token, seller, 'Twin');
  const page = await openPage();
  await logIn(page, user);
  await page.waitForSelector('#owned li:nth-child(2)');
  const texts = await page.locator('#owned .from').allTextContents();
  assert.match(texts[0] ?? '', new RegExp(`^from ${sellers[1]?.seller} · .*\\d\\d:\\d\\d:\\d\\d$`));
  assert.match(texts[1] ?? '', new RegExp(`^from ${sellers[0]?.seller} · `));
  await page.context().close();
});

test('a list of more than 20 coupons begins with the newest and shows the others on request', async () => {
  const { seller } = await givenSeller(...numbered(21));
  const user = newName('customer');
  const token = await client.enter(user, 'customer');
  for (const [name] of numbered(21)) await client.grab(token, seller, name);
  const page = await openPage();
  await logIn(page, user);
  await waitForText(page, '#owned li:nth-child(1) h3', 'Coupon 21');
  assert.is(await page.locator('#owned li').count(), 20);
  await page.click('#owned-more');
  await waitForText(page, '#owned li:nth-child(21) h3', 'Coupon 1');
  assert.is(await page.isVisible('#owned-more'), false);
  await page.context().close();
});

const outcomes: [outcome: string, retryAfter: string, text: string][] = [
  ['not-started', '', 'The sale has not started yet.'],
  ['not-started', '90', 'The sale has not started yet. It starts in 1 min 30 s.'],
  ['ended', '', 'The sale has ended.'],
  ['paused', '', 'The sale is paused. Please try again later.'],
  ['closed', '', 'The sale is closed.'],
  ['no-such-coupon', '', 'This coupon does not exist.'],
];
for (const [outcome, retryAfter, text] of outcomes) {
  test(`the outcome ${outcome} is shown as: ${text}`, async () => {
    const { seller } = await givenSeller(['Spring', 5]);
    const page = await openPage();
    await register(page, newName('customer'), 'customer');
    await find(page, seller);
    const headers = { 'Grab-Outcome': outcome, ...(retryAfter !== '' && { 'Retry-After': retryAfter }) };
    await page.route('**/coupons/Spring', (route) => route.fulfill({ status: 204, headers }));
    await page.click('[aria-label="Grab Spring"]');
    await waitForText(page, '.outcome', text);
    await page.context().close();
  });
}

test('a customer who follows no seller sees no state of a connection', async () => {
  const { seller } = await givenSeller(['Spring', 5]);
  const page = await openPage();
  await register(page, newName('customer'), 'customer');
  assert.is(await page.isVisible('#stream-state'), false);
  await find(page, seller);
  await waitForText(page, '#stream-state', 'live');
  await page.context().close();
});

test('a coupon that sells out moves from the list of those on sale to the list of sold-out ones', async () => {
  const { seller } = await givenSeller(['Last', 1], ['More', 5], ['Gone', 1]);
  const [bob, eve] = [
    await client.enter(newName('customer'), 'customer'),
    await client.enter(newName('customer'), 'customer'),
  ];
  await client.grab(bob, seller, 'Gone');
  const page = await openPage();
  await register(page, newName('customer'), 'customer');
  await find(page, seller);
  const namesIn = (list: string) => page.locator(`#${list} h4`).allTextContents();
  assert.equal([await namesIn('offers-list'), await namesIn('sold-out-list')], [['Last', 'More'], ['Gone']]);
  await page.focus('[aria-label="Grab Last"]');
  await client.grab(eve, seller, 'Last');
  await waitForText(page, '#offers-list li:nth-child(1) .counts span', 'sold out');
  // Not from under the focus.
  assert.is(await page.evaluate(() => document.activeElement?.getAttribute('aria-label')), 'Grab Last');
  await page.focus('#find-seller');
  await waitForText(page, '#sold-out-list li:nth-child(2) h4', 'Last');
  assert.equal(await namesIn('offers-list'), ['More']);
  await page.context().close();
});

test('the pieces left of coupons that are too old for the live stream are read from time to time', async () => {
  const { seller } = await givenSeller(...numbered(101));
  const page = await openPage();
  await register(page, newName('customer'), 'customer');
  await find(page, seller);
  await client.grab(await client.enter(newName('customer'), 'customer'), seller, 'Coupon 1');
  await waitForText(page, '#offers-list li:nth-child(1) .counts span', '4 of 5 left');
  await page.context().close();
});

test('no script has failed, and no request has violated the Content-Security-Policy', () => {
  assert.equal(errors, []);
});

test.after(close);
test.run();
