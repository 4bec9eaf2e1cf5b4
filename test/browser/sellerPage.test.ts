import type { Page } from 'playwright-core';
import { encode } from 'uqr';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { assertAccessible, desktop, logIn, openBrowser, phone, register, waitForText } from './browser.ts';

const { server, openPage, errors, close } = await openBrowser();
const { client } = server;
const test = suite("a seller's page");

let users = 0;
const newName = (kind: string) => `${kind}-${++users}`;
async function givenSeller(coupons: number): Promise<{ seller: string; token: string }> {
  const seller = newName('seller');
  const token = await client.enter(seller, 'seller');
  for (let index = 1; index <= coupons; index++)
    await client.create(token, seller, { name: `Coupon ${index}`, amount: 5, stock: 5 });
  return { seller, token };
}

for (const answerTime of ['before', 'after'] as const) {
  test(`a double click creates one coupon and reports no failure, if the server answers ${answerTime} the second click`, async () => {
    const page = await openPage();
    await register(page, newName('seller'), 'seller');
    if (answerTime === 'after')
      await page.route('**/coupons', async (route) => {
        await new Promise((resolve) => setTimeout(resolve, 300));
        await route.continue();
      });
    await page.fill('#coupon-name', 'Twice');
    const delay = answerTime === 'before' ? 200 : 0;
    await page.dblclick('#create-form button', { delay });
    await waitForText(page, '#board-name', 'Twice');
    await page.waitForFunction(() => document.querySelector('#create-form')?.getAttribute('aria-busy') === null);
    assert.equal(await page.locator('#create-form .message').allTextContents(), Array(10).fill(''));
    assert.is(await page.locator('#coupon-list [role=option]').count(), 1);
    await page.context().close();
  });
}

test('more than 100 coupons: the page says how many have no live figures, and shows them on request', async () => {
  const { seller } = await givenSeller(103);
  const page = await openPage();
  await logIn(page, seller);
  await waitForText(page, '#older-text', 'Your newest 100 coupons are live. 3 older coupons have no live figures.');
  await page.click('#older-show');
  await waitForText(page, '#older-list li:nth-child(3) .title', 'Coupon 1');
  assert.equal(await page.locator('#older-list .title').allTextContents(), ['Coupon 3', 'Coupon 2', 'Coupon 1']);
  assert.is(await page.locator('#coupon-list [role=option]').count(), 100);
  await assertAccessible(page, 'a seller with many coupons');
  await page.context().close();
});

test('the rehearsal is a few tabs away however many coupons there are, and arrow keys select a coupon', async () => {
  const { seller } = await givenSeller(60);
  const page = await openPage();
  await logIn(page, seller);
  await waitForText(page, '#board-name', 'Coupon 60');
  await page.focus('#coupon-name');
  let tabs = 0;
  for (; tabs < 30 && (await page.evaluate(() => document.activeElement?.id)) !== 'customers'; tabs++)
    await page.keyboard.press('Tab');
  assert.ok(tabs <= 8, `${tabs} tabs`);
  await page.focus('#coupon-list [aria-selected=true]');
  await page.keyboard.press('ArrowDown');
  await waitForText(page, '#board-name', 'Coupon 59');
  await page.keyboard.press('End');
  await waitForText(page, '#board-name', 'Coupon 1');
  await page.keyboard.press('Home');
  await waitForText(page, '#board-name', 'Coupon 60');
  assert.is(await page.evaluate(() => document.activeElement?.textContent?.startsWith('Coupon 60')), true);
  await page.context().close();
});

/** The texts that stick out of their box, or out of the page. */
const overflowing = (page: Page) =>
  page.evaluate(() =>
    [...document.querySelectorAll<HTMLElement>('main *, header *')]
      .filter((element) => element.checkVisibility() && element.childElementCount === 0 && element.textContent !== '')
      .filter((element) => {
        const box = element.closest<HTMLElement>('.card, .face, .stub, .durable, .topbar, main') ?? document.body;
        const range = document.createRange();
        range.selectNodeContents(element);
        const [text, outer] = [range.getBoundingClientRect(), box.getBoundingClientRect()];
        return element.closest('.visually-hidden, .skip, .plot') === null && text.right > outer.right + 1;
      })
      .map((element) => element.textContent),
  );

for (const [size, viewport] of Object.entries({ phone, desktop })) {
  test(`numbers of up to 16 digits fit the page: ${size}`, async () => {
    const seller = newName('seller');
    const token = await client.enter(seller, 'seller');
    const most = Number.MAX_SAFE_INTEGER;
    await client.create(token, seller, { name: 'Most', amount: most, stock: most });
    await client.create(token, seller, { name: 'Trillion', amount: 1e12, stock: 1e12 });
    const page = await openPage({ viewport });
    await logIn(page, seller);
    for (const [name, left] of [
      ['Trillion', '1,000,000,000,000'],
      ['Most', '9,007,199,254,740,991'],
    ] as const) {
      await page.click(`#coupon-list [role=option]:has-text("${name}")`);
      await waitForText(page, '#board-left', left);
      assert.equal(await overflowing(page), []);
      await assertAccessible(page, name);
    }
    await page.click('#log-out');
    await register(page, newName('customer'), 'customer');
    await page.fill('#find-seller', seller);
    await page.click('#find-form button');
    await page.click('[aria-label="Grab Most"]');
    await waitForText(page, '#owned h3', 'Most');
    assert.equal(await overflowing(page), []);
    await assertAccessible(page, 'the offers');
    await page.context().close();
  });
}

const wrongInputs: [input: string, value: string, text: string][] = [
  ['coupon-name', '', 'Please enter a name for the coupon.'],
  ['coupon-name', 'a/b', 'The name must not contain a slash or invisible characters, nor begin or end with a space.'],
  ['coupon-amount', '0', 'The number of pieces must be a whole number, 1 or more.'],
  ['coupon-stock', 'x', 'The face value must be a whole number, 0 or more.'],
  ['customers', '10001', 'The number of customers must be a whole number from 1 to 10,000.'],
  ['seconds', '61', 'The duration must be a whole number from 0 to 60.'],
];
test('a wrong input is marked, explained below it in plain words, and gets the focus', async () => {
  const { seller } = await givenSeller(1);
  const page = await openPage();
  await logIn(page, seller);
  await waitForText(page, '#board-name', 'Coupon 1');
  await page.fill('#coupon-name', 'Good');
  for (const [input, value, text] of wrongInputs) {
    const good = await page.inputValue(`#${input}`);
    await page.fill(`#${input}`, value);
    await page.press(`#${input}`, 'Enter');
    await waitForText(page, `#${input}-message`, text);
    assert.is(await page.getAttribute(`#${input}`, 'aria-invalid'), 'true');
    assert.match((await page.getAttribute(`#${input}`, 'aria-describedby')) ?? '', `${input}-message`);
    assert.is(await page.evaluate(() => document.activeElement?.id), input);
    await page.fill(`#${input}`, good === '' ? 'Good' : good);
    assert.is(await page.getAttribute(`#${input}`, 'aria-invalid'), null);
  }
  await page.fill('#coupon-amount', '0');
  await page.click('#create-form button');
  await page.waitForSelector('#coupon-amount[aria-invalid]');
  await assertAccessible(page, 'a wrong input');
  await page.context().close();
});

test('wrong inputs of the registration and of the search for a seller are marked too', async () => {
  const page = await openPage();
  await page.click('#login-switch');
  const submit = async (username: string, password: string) => {
    await page.fill('#username', username);
    await page.fill('#password', password);
    await page.click('#login-submit');
  };
  await submit('a/b', 'secret');
  await page.waitForSelector('#username[aria-invalid]');
  await submit(newName('customer'), 'short');
  await waitForText(page, '#password-message', 'The password needs at least six characters.');
  await page.check('#kind-customer');
  await page.fill('#password', 'secret');
  await page.click('#login-submit');
  await page.waitForSelector('#customer:not([hidden])');
  await page.click('#find-form button');
  await waitForText(page, '#find-seller-message', 'Please enter the name of a seller.');
  await page.fill('#find-seller', 'nobody at all');
  await page.click('#find-form button');
  await waitForText(page, '#find-seller-message', 'There is no seller with this name.');
  await page.context().close();
});

test('every refusal of the API that a form can get has a plain text', async () => {
  const page = await openPage();
  const document = (await client.send('GET', '/openapi.json')).body as unknown as OpenApi;
  const known = await page.evaluate(
    // A path of the server and not of this file.
    async (path) => Object.keys(((await import(path)) as { plainMessages: object }).plainMessages),
    '/console/messages.js',
  );
  const submitted = new Set([
    ...[
      'registerUser',
      'logIn',
      'createCoupon',
      'rehearse',
      'restockCoupon',
      'pauseCoupon',
      'resumeCoupon',
      'closeCoupon',
    ],
    ...['changeTerms', 'redeemCode', 'undoRedemption', 'releaseGrab'],
    ...['createWebhook', 'pauseWebhook', 'resumeWebhook', 'rotateWebhookSecret', 'testWebhook', 'resendDelivery'],
  ]);
  const operations = Object.values(document.paths).flatMap((path) => Object.values(path));
  const refusals = operations
    .filter(({ operationId }) => submitted.has(operationId))
    .flatMap(({ responses }) =>
      [400, 404, 409, 413, 429].map((status) => responses[status]?.content['application/json']),
    )
    .flatMap((json) => Object.values(json?.examples ?? {}).map(({ value }) => value.errMsg));
  assert.ok(refusals.length > 15);
  // The page always sends JSON to paths that exist, a coupon that the board shows, and a kind that the form offers.
  const impossible = [
    'Only receive JSON format.',
    'Malformed path.',
    'Empty field of coupon.',
    'Unexpected value of kind, king',
    'Create 1 to 100 coupons at once.',
    'Idempotency-Key too long.',
    // Where rehearsals are not allowed, the page has no form for them.
    'Not Found.',
  ];
  assert.equal(
    refusals.filter((errMsg) => !known.includes(errMsg) && !impossible.includes(errMsg)),
    [],
  );
  await page.context().close();
});
interface OpenApi {
  paths: Record<
    string,
    Record<
      string,
      {
        operationId: string;
        responses: Record<
          number,
          { content: { 'application/json': { examples?: Record<string, { value: { errMsg: string } }> } } }
        >;
      }
    >
  >;
}

test('a seller gets a link to share, copies it, and shows it as a QR code', async () => {
  const seller = 'Ann@shop-券';
  await client.enter(seller, 'seller');
  const page = await openPage();
  await page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
  await logIn(page, seller);
  await page.waitForSelector('#share-qr svg');
  const link = `${server.url}/?seller=${encodeURIComponent(seller)}`;
  assert.is(await page.getAttribute('#share-link', 'href'), link);
  await page.click('#share-copy');
  await waitForText(page, '#share-message', 'Copied.');
  assert.is(await page.evaluate(() => navigator.clipboard.readText()), link);
  const drawn = await page.$eval('#share-qr svg', (svg) => ({
    size: svg.getAttribute('viewBox')?.split(' ')[2],
    squares: svg.querySelector('path')?.getAttribute('d')?.match(/M/g)?.length,
    colours: [getComputedStyle(svg).fill, getComputedStyle(svg.parentElement as Element).backgroundColor],
    width: svg.getBoundingClientRect().width,
  }));
  const { size, data } = encode(link, { ecc: 'M', border: 4 });
  assert.equal(drawn, {
    size: String(size),
    squares: data.flat().filter(Boolean).length,
    colours: ['rgb(0, 0, 0)', 'rgb(255, 255, 255)'],
    width: 120,
  });
  await page.context().close();
});

test('where the clipboard is not available, the link is selected for the user to copy', async () => {
  const { seller } = await givenSeller(0);
  const page = await openPage();
  await page.addInitScript(() => Object.defineProperty(navigator, 'clipboard', { value: undefined }));
  await page.reload();
  await logIn(page, seller);
  await page.click('#share-copy');
  await waitForText(page, '#share-message', 'Selected. Press Ctrl+C or ⌘C to copy.');
  assert.is(await page.evaluate(() => String(getSelection())), `${server.url}/?seller=${seller}`);
  await page.context().close();
});

test('no script has failed, and no request has violated the Content-Security-Policy', () => {
  assert.equal(errors, []);
});

test.after(close);
test.run();
