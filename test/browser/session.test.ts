import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { openTestServer } from '../support/testServer.ts';
import { assertAccessible, logIn, openChromium, phone, register, submitRegistration, waitForText } from './browser.ts';

const server = await openTestServer();
const { openPage, errors, close } = await openChromium();
const test = suite('sessions and pages');
await server.client.register('ann', 'seller');

/** Half of the width and height of a desktop, as at a zoom of 200 %. */
const zoomed = { width: 640, height: 400 };
for (const [size, viewport] of Object.entries({ phone, zoomed })) {
  test(`after a log-in the page begins at its top: ${size}`, async () => {
    const page = await openPage(server.url, { viewport });
    await page.fill('#username', 'ann');
    await page.fill('#password', 'secret');
    await page.locator('#login-submit').scrollIntoViewIfNeeded();
    await page.evaluate(() => scrollTo(0, document.body.scrollHeight));
    assert.ok((await page.evaluate(() => scrollY)) > 0);
    await page.click('#login-submit');
    await waitForText(page, '#stream-state', 'live');
    assert.is(await page.evaluate(() => scrollY), 0);
    assert.is(await page.evaluate(() => document.activeElement?.id), 'main');
    await page.context().close();
  });
}

test('the page warns before a session ends, and a user logs in again', async () => {
  const page = await openPage(server.url, { fakeClock: true });
  await register(page, 'kim', 'customer');
  const endsAt = (await page.evaluate(() => Date.now())) + server.config.tokenTtlSeconds * 1_000;
  await page.clock.fastForward(server.config.tokenTtlSeconds * 1_000 - 310_000);
  assert.is(await page.isVisible('#session-warning'), false);
  await page.clock.fastForward(30_000);
  await page.waitForSelector('#session-warning:not([hidden])');
  const [, hours, minutes] =
    /Your session ends at (\d\d):(\d\d):/.exec((await page.textContent('#session-end')) ?? '') ?? [];
  const end = await page.evaluate((ms) => [new Date(ms).getHours(), new Date(ms).getMinutes()], endsAt);
  // The log-in took some milliseconds, which may be those of another minute.
  assert.ok(Math.abs(Number(hours) * 60 + Number(minutes) - ((end[0] ?? 0) * 60 + (end[1] ?? 0))) <= 1);
  await page.click('#session-renew');
  await page.waitForSelector('#login:not([hidden])');
  assert.is(await page.inputValue('#username'), 'kim');
  assert.is(await page.isVisible('#session-warning'), false);
  await page.fill('#password', 'secret');
  await page.click('#login-submit');
  await page.waitForSelector('#customer:not([hidden])');
  assert.is(await page.isVisible('#session-warning'), false);
  await page.context().close();
});

test('a tab whose token has expired asks for the password of the same user', async () => {
  const short = await openTestServer({ TOKEN_TTL_SECONDS: '3' });
  const page = await openPage(short.url);
  // On a busy machine the token may have expired before the test sees the page of the seller.
  await submitRegistration(page, 'tim', 'seller');
  await waitForText(page, '#login-message', 'Your session has expired. Please log in again.');
  assert.is(await page.inputValue('#username'), 'tim');
  await page.context().close();
  await short.close();
});

test('the console links to the API documentation, which follows the colour scheme', async () => {
  const page = await openPage(server.url, { colorScheme: 'dark' });
  await page.click('a[href="/docs"]');
  await page.waitForSelector('.swagger-ui .info');
  /** Of 765 that white has. */
  const lightnessOfText = () =>
    page.$eval('.swagger-ui .info .title', (title) =>
      (getComputedStyle(title).color.match(/\d+/g) ?? []).slice(0, 3).reduce((sum, part) => sum + Number(part), 0),
    );
  const background = () => page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
  const isDark = (dark: boolean) =>
    page.waitForFunction((is) => document.documentElement.classList.contains('dark-mode') === is, dark);
  await isDark(true);
  assert.is(await background(), 'rgb(28, 32, 34)');
  assert.ok((await lightnessOfText()) > 500);
  await page.emulateMedia({ colorScheme: 'light' });
  await isDark(false);
  assert.is.not(await background(), 'rgb(28, 32, 34)');
  assert.ok((await lightnessOfText()) < 300);
  await page.context().close();
});

test('the log-in works for a user who is logged out by another tab', async () => {
  const page = await openPage(server.url);
  await logIn(page, 'ann');
  await waitForText(page, '#stream-state', 'live');
  const token = await page.evaluate(() => JSON.parse(sessionStorage.getItem('seckill session') ?? '{}').token);
  await server.client.send('POST', '/api/auth/logout', { token });
  await waitForText(page, '#login-message', 'You have been logged out. Please log in again.');
  assert.is(await page.inputValue('#username'), 'ann');
  await page.fill('#password', 'secret');
  await page.click('#login-submit');
  await waitForText(page, '#stream-state', 'live');
  await page.context().close();
});

test('a user changes the password, is logged out, and logs in with the new one', async () => {
  const page = await openPage(server.url);
  await register(page, 'eve', 'seller');
  const change = async (present: string, fresh: string) => {
    await page.fill('#password-present', present);
    await page.fill('#password-new', fresh);
    await page.click('#password-form button[type=submit]');
  };
  await page.click('#password-open');
  await change('wrong password', 'new secret');
  await waitForText(page, '#password-present-message', 'Wrong password.');
  await change('secret', 'short');
  await waitForText(page, '#password-new-message', 'The password needs at least six characters.');
  await assertAccessible(page, 'change of the password');
  await change('secret', 'new secret');
  await waitForText(page, '#login-message', 'Your password is changed. Please log in with the new one.');
  assert.is(await page.inputValue('#username'), 'eve');
  assert.is(await page.isVisible('#password-dialog'), false);
  assert.is(await page.inputValue('#password-present'), '');
  await page.fill('#password', 'new secret');
  await page.click('#login-submit');
  await waitForText(page, '#stream-state', 'live');
  await page.context().close();
});

test('a user who has failed too often reads how long to wait, and the page does not retry', async () => {
  const limited = await openTestServer({ LOGIN_FAILURES_PER_ACCOUNT_AND_ADDRESS: '1', LIMIT_WINDOW_SECONDS: '900' });
  const page = await openPage(limited.url);
  let logIns = 0;
  page.on('request', (request) => request.url().endsWith('/api/auth') && logIns++);
  await logIn(page, 'eve');
  await waitForText(page, '#login-message', 'Wrong user name or password.');
  await page.click('#login-submit');
  await page.waitForFunction(() =>
    /^Too many failed log-ins\. Please try again in 1[45] min\.$/.test(
      document.querySelector('#login-message')?.textContent ?? '',
    ),
  );
  assert.is(await page.getAttribute('#login-form', 'aria-busy'), null);
  assert.is(logIns, 2);
  await page.context().close();
  await limited.close();
});

test('no script has failed, and no request has violated the Content-Security-Policy', () => {
  assert.equal(errors, []);
});

test.after(async () => {
  await close();
  await server.close();
});
test.run();
