import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { connectMysql } from '../../src/infra/stores/mysql.ts';
import { desktop, enter, hasText, mustBeAccessible, openBrowser, phone, putUp, takePicture } from './browser.ts';

const { server, openPage, errors, close } = await openBrowser();
const test = suite('the console');
/** A name that would be a tag if anybody took it for HTML. */
const SPRING = 'Spring <b> & more';

test('a seller registers, puts up 100 coupons, sends 2,000 customers, and sees them sold out and durable', async () => {
  const page = await openPage();
  await takePicture(page, 'entry');
  await enter(page, 'ann', 'seller');
  await putUp(page, SPRING, 100);
  await page.fill('#seconds', '6');
  await page.click('#rehearsal-start');
  await page.waitForFunction(() => Number(document.querySelector('#board-left')?.textContent) < 60);
  await takePicture(page, 'selling');
  await hasText(page, '#board-status', 'sold out');
  await page.waitForFunction(() =>
    document.querySelector('#rehearsal-text')?.textContent?.startsWith('2,000 of 2,000'),
  );
  await hasText(page, '#durable-answer', 'yes');
  await hasText(page, '#answers div:nth-child(1) dd', '100');
  await hasText(page, '#answers div:nth-child(2) dd', '1,900');
  assert.match((await page.textContent('#announcer')) ?? '', /sold out|rehearsal is over/);
  await takePicture(page, 'sold-out');
  await page.emulateMedia({ colorScheme: 'dark' });
  await takePicture(page, 'sold-out-dark');

  const { mysql, close: closeMysql } = connectMysql(server.config.mysqlUrl);
  const [row] = await mysql('coupon_grabs').count({ grabs: '*' });
  await closeMysql();
  assert.is(Number(row?.grabs), 100);
  await page.context().close();
});

test('a customer browses, hears sold out, grabs another, and finds it among their own after a reload', async () => {
  const ann = await server.client.enter('ann', 'seller');
  await server.client.create(ann, 'ann', { name: 'Autumn', amount: 3, stock: 50, description: 'Fifty off.' });
  const page = await openPage({ viewport: phone, colorScheme: 'dark' });
  await enter(page, 'bob', 'customer');
  await page.fill('#find-seller', 'ann');
  await page.click('#find-form button');
  await hasText(page, '#offers-list li:nth-child(1) h3', SPRING);
  await page.click(`[aria-label="Grab ${SPRING}"]`);
  await hasText(page, '#offers-list li:nth-child(1) .outcome', 'Sold out.');
  await page.click('[aria-label="Grab Autumn"]');
  await hasText(page, '#offers-list li:nth-child(2) .outcome', 'Yours!');
  await hasText(page, '#offers-list li:nth-child(2) .counts span', '2 of 3 left');
  await page.click('[aria-label="Grab Autumn"]');
  await hasText(page, '#offers-list li:nth-child(2) .outcome', 'You have one already.');
  await takePicture(page, 'phone-customer-dark');
  await page.reload();
  await hasText(page, '#owned h3', 'Autumn');
  await page.context().close();
});

test('with the keyboard alone: register, put up a coupon, rehearse', async () => {
  const page = await openPage();
  const press = async (...keys: string[]) => {
    for (const key of keys) await page.keyboard.press(key);
  };
  const isOn = (id: string) => page.waitForFunction((wanted) => document.activeElement?.id === wanted, id);
  await isOn('username');
  await press('Tab', 'Tab', 'Tab', 'Enter');
  await isOn('username');
  await page.keyboard.type('kim');
  await press('Tab');
  await page.keyboard.type('secret');
  await press('Enter');
  await isOn('main');
  await press('Tab');
  await isOn('coupon-name');
  await page.keyboard.type('Winter');
  await press('Tab');
  await page.keyboard.type('5');
  await press('Enter');
  await hasText(page, '#board-name', 'Winter');
  for (let tabs = 0; tabs < 12; tabs++) {
    await press('Tab');
    if (await page.evaluate(() => document.activeElement?.id === 'seconds')) break;
  }
  await page.keyboard.type('0');
  await press('Tab');
  await isOn('rehearsal-start');
  await press('Enter');
  await hasText(page, '#board-status', 'sold out');
  await isOn('rehearsal-start');
  await page.context().close();
});

test('what goes wrong is said: a wrong password, a name that is taken, a number that is none', async () => {
  const page = await openPage();
  await page.fill('#username', 'ann');
  await page.fill('#password', 'not it');
  await page.click('#entry-submit');
  await hasText(page, '#entry-message', 'Wrong username or password.');
  await page.click('#entry-switch');
  await page.click('#entry-submit');
  await hasText(page, '#entry-message', 'Insert user failed. Maybe user name duplicates.');
  await page.click('#entry-switch');
  await page.fill('#password', 'secret');
  await page.click('#entry-submit');
  await page.waitForSelector('#seller:not([hidden])');
  await page.fill('#coupon-name', 'x');
  await page.fill('#coupon-amount', 'many');
  await page.click('#create-form button');
  await hasText(page, '#create-message', 'Amount field wrong format.');
  await putUp(page, 'Summer', 10);
  await putUp(page, 'Monsoon', 10);
  await page.context().close();
});

test('a stream that is lost is said to be, and found again', async () => {
  const page = await openPage();
  await enter(page, 'lou', 'seller');
  await hasText(page, '#stream-state', 'live');
  await page.route('**/api/live*', (route) => route.fulfill({ status: 503, json: { errMsg: 'Not now.' } }));
  await page.reload();
  await hasText(page, '#stream-state', 'connecting again');
  await hasText(page, '#banner', 'Not now. Connecting again …');
  await page.unroute('**/api/live*');
  await hasText(page, '#stream-state', 'live');
  assert.is(await page.isVisible('#banner'), false);
  await page.context().close();
});

test('who is logged out elsewhere is asked to log in again', async () => {
  const page = await openPage();
  await enter(page, 'tom', 'seller');
  await hasText(page, '#stream-state', 'live');
  const token = await page.evaluate(() => JSON.parse(sessionStorage.getItem('seckill session') ?? '{}').token);
  await server.client.send('POST', '/api/auth/logout', { token });
  await hasText(page, '#entry-message', 'You are logged out. Please log in again.');
  await page.context().close();
});

test('nothing moves for who asked for less motion', async () => {
  const page = await openPage({ reducedMotion: 'reduce' });
  const duration = await page.$eval('#board-drain span', (bar) => getComputedStyle(bar).transitionDuration);
  assert.is(duration, '0s');
  await page.context().close();
});

for (const [size, viewport] of Object.entries({ phone, desktop })) {
  for (const colorScheme of ['light', 'dark'] as const) {
    test(`accessible, and nowhere too wide: ${size}, ${colorScheme}`, async () => {
      const page = await openPage({ viewport, colorScheme });
      await mustBeAccessible(page, 'the entry');
      await page.click('#entry-switch');
      await mustBeAccessible(page, 'the registration');
      await page.click('#entry-switch');
      await page.fill('#username', 'ann');
      await page.fill('#password', 'secret');
      await page.click('#entry-submit');
      await hasText(page, '#stream-state', 'live');
      await page.waitForSelector('#board:not([hidden])');
      await mustBeAccessible(page, "a seller's page");
      if (size === 'phone') await takePicture(page, `phone-seller-${colorScheme}`);
      await page.click('#mine button:has-text("Spring")');
      await hasText(page, '#board-status', 'sold out');
      await mustBeAccessible(page, 'sold out');
      await page.click('#log-out');
      await page.fill('#username', 'bob');
      await page.fill('#password', 'secret');
      await page.click('#entry-submit');
      await page.fill('#find-seller', 'ann');
      await page.click('#find-form button');
      await page.waitForSelector('#offers:not([hidden])');
      await mustBeAccessible(page, "a customer's page");
      if (size === 'desktop') await takePicture(page, `customer-${colorScheme}`);
      await page.context().close();
    });
  }
}

test('no script failed, and nothing asked for what the policy forbids', () => {
  assert.equal(errors, []);
});

test.after(close);
test.run();
