import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { connectMysql } from '../../src/infra/stores/mysql.ts';
import {
  assertAccessible,
  createCoupon,
  desktop,
  openBrowser,
  phone,
  register,
  takeScreenshot,
  waitForText,
} from './browser.ts';

const { server, openPage, errors, close } = await openBrowser();
const test = suite('the console');
/** Would show up as a tag if the page inserted names as HTML. */
const SPRING = 'Spring <b> & more';

test('a seller registers, creates a coupon of 100 pieces, rehearses with 2,000 customers, and sees it sold out and durable', async () => {
  const page = await openPage();
  await takeScreenshot(page, 'login');
  await register(page, 'ann', 'seller');
  await createCoupon(page, SPRING, 100);
  await page.fill('#seconds', '6');
  await page.click('#rehearsal-start');
  await page.waitForFunction(() => Number(document.querySelector('#board-left')?.textContent) < 60);
  await takeScreenshot(page, 'selling');
  await waitForText(page, '#board-status', 'sold out');
  await page.waitForFunction(() =>
    document.querySelector('#rehearsal-text')?.textContent?.startsWith('2,000 of 2,000'),
  );
  await waitForText(page, '#durable-state', 'yes');
  await waitForText(page, '#outcomes div:nth-child(1) dd', '100');
  await waitForText(page, '#outcomes div:nth-child(2) dd', '1,900');
  assert.match((await page.textContent('#announcer')) ?? '', /sold out|Rehearsal finished/);
  await takeScreenshot(page, 'sold-out');
  await page.emulateMedia({ colorScheme: 'dark' });
  await takeScreenshot(page, 'sold-out-dark');

  const { mysql, close: closeMysql } = connectMysql(server.config.mysqlUrl);
  const [row] = await mysql('coupon_grabs').count({ grabs: '*' });
  await closeMysql();
  assert.is(Number(row?.grabs), 100);
  await page.context().close();
});

test('a customer is refused a sold-out coupon, grabs another one, and finds it in their list after a reload', async () => {
  const ann = await server.client.enter('ann', 'seller');
  await server.client.create(ann, 'ann', { name: 'Autumn', amount: 3, stock: 50, description: 'Fifty off.' });
  const page = await openPage({ viewport: phone, colorScheme: 'dark' });
  await register(page, 'bob', 'customer');
  await page.fill('#find-seller', 'ann');
  await page.click('#find-form button');
  await waitForText(page, '#sold-out-list h4', SPRING);
  await page.click(`[aria-label="Grab ${SPRING}"]`);
  await waitForText(page, '#sold-out-list .outcome', 'Sold out.');
  await page.click('[aria-label="Grab Autumn"]');
  await waitForText(page, '#offers-list .outcome', 'Grabbed! This coupon is yours.');
  await waitForText(page, '#offers-list .counts span', '2 of 3 left');
  await takeScreenshot(page, 'phone-customer-dark');
  await page.reload();
  await waitForText(page, '#owned h3', 'Autumn');
  await page.context().close();
});

test('registering, creating a coupon and rehearsing work with the keyboard alone', async () => {
  const page = await openPage();
  const press = async (...keys: string[]) => {
    for (const key of keys) await page.keyboard.press(key);
  };
  const waitForFocus = (id: string) => page.waitForFunction((expected) => document.activeElement?.id === expected, id);
  await waitForFocus('username');
  await press('Tab', 'Tab', 'Tab', 'Enter');
  await waitForFocus('username');
  await page.keyboard.type('kim');
  await press('Tab');
  await page.keyboard.type('secret');
  await press('Enter');
  await waitForFocus('main');
  await press('Tab');
  await waitForFocus('coupon-name');
  await page.keyboard.type('Winter');
  await press('Tab');
  await page.keyboard.type('5');
  await press('Enter');
  await waitForText(page, '#board-name', 'Winter');
  for (let tabs = 0; tabs < 12; tabs++) {
    await press('Tab');
    if (await page.evaluate(() => document.activeElement?.id === 'seconds')) break;
  }
  await page.keyboard.type('0');
  await press('Tab');
  await waitForFocus('rehearsal-start');
  await press('Enter');
  await waitForText(page, '#board-status', 'sold out');
  await waitForFocus('rehearsal-start');
  await page.context().close();
});

test('the page shows why a request was refused: wrong password, user name taken, amount not a number', async () => {
  const page = await openPage();
  await page.fill('#username', 'ann');
  await page.fill('#password', 'not it');
  await page.click('#login-submit');
  await waitForText(page, '#login-message', 'Wrong user name or password.');
  await page.click('#login-switch');
  await page.click('#login-submit');
  await waitForText(page, '#username-message', 'This user name is already taken.');
  await page.click('#login-switch');
  await page.fill('#password', 'secret');
  await page.click('#login-submit');
  await page.waitForSelector('#seller:not([hidden])');
  await page.fill('#coupon-name', 'x');
  await page.fill('#coupon-amount', 'many');
  await page.click('#create-form button');
  await waitForText(page, '#coupon-amount-message', 'The number of pieces must be a whole number, 1 or more.');
  await createCoupon(page, 'Summer', 10);
  await createCoupon(page, 'Monsoon', 10);
  await page.context().close();
});

test('the page shows that the stream was lost, and reconnects', async () => {
  const page = await openPage();
  await register(page, 'lou', 'seller');
  await waitForText(page, '#stream-state', 'live');
  await page.route('**/api/live*', (route) => route.fulfill({ status: 503, json: { errMsg: 'Service unavailable.' } }));
  await page.reload();
  await waitForText(page, '#stream-state', 'reconnecting');
  await waitForText(page, '#banner', 'Server busy, reconnecting …');
  await page.unroute('**/api/live*');
  await waitForText(page, '#stream-state', 'live');
  assert.is(await page.isVisible('#banner'), false);
  await page.context().close();
});

test('a user whose token was revoked in another session has to log in again', async () => {
  const page = await openPage();
  await register(page, 'tom', 'seller');
  await waitForText(page, '#stream-state', 'live');
  const token = await page.evaluate(() => JSON.parse(sessionStorage.getItem('seckill session') ?? '{}').token);
  await server.client.send('POST', '/api/auth/logout', { token });
  await waitForText(page, '#login-message', 'You have been logged out. Please log in again.');
  await page.context().close();
});

test('nothing is animated when the user prefers reduced motion', async () => {
  const page = await openPage({ reducedMotion: 'reduce' });
  const duration = await page.$eval('#board-bar span', (bar) => getComputedStyle(bar).transitionDuration);
  assert.is(duration, '0s');
  await page.context().close();
});

for (const [size, viewport] of Object.entries({ phone, desktop })) {
  for (const colorScheme of ['light', 'dark'] as const) {
    test(`every page is accessible and fits the width: ${size}, ${colorScheme}`, async () => {
      const page = await openPage({ viewport, colorScheme });
      await assertAccessible(page, 'the log-in');
      await page.click('#login-switch');
      await assertAccessible(page, 'the registration');
      await page.click('#login-switch');
      await page.fill('#username', 'ann');
      await page.fill('#password', 'secret');
      await page.click('#login-submit');
      await waitForText(page, '#stream-state', 'live');
      await page.waitForSelector('#board:not([hidden])');
      await assertAccessible(page, "a seller's page");
      if (size === 'phone') await takeScreenshot(page, `phone-seller-${colorScheme}`);
      await page.click('#coupon-list [role=option]:has-text("Spring")');
      await waitForText(page, '#board-status', 'sold out');
      await assertAccessible(page, 'sold out');
      await page.click('#log-out');
      await page.fill('#username', 'bob');
      await page.fill('#password', 'secret');
      await page.click('#login-submit');
      await page.fill('#find-seller', 'ann');
      await page.click('#find-form button');
      await page.waitForSelector('#offers:not([hidden])');
      await assertAccessible(page, "a customer's page");
      if (size === 'desktop') await takeScreenshot(page, `customer-${colorScheme}`);
      await page.context().close();
    });
  }
}

test('no script has failed, and no request has violated the Content-Security-Policy', () => {
  assert.equal(errors, []);
});

test.after(close);
test.run();
