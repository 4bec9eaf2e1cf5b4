import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { proxyAnswer } from '../support/frontProxy.ts';
import { until } from '../support/until.ts';
import { logIn, register, waitForText } from './browser.ts';
import { openOutages, waitForRetrying, waitWithRetries } from './outages.ts';

const { client, front, openPage, errors, close } = await openOutages();
const test = suite('retries');
const ann = await client.enter('ann', 'seller');
await client.create(ann, 'ann', { name: 'Spring', amount: 5, stock: 5 });
const streamRequests = () => front.requests.filter((request) => request.startsWith('GET /api/live')).length;

/**
 * Runs the page's clock for so many seconds, in steps in which a due request arrives at the proxy. The clock goes on during the steps, by
 * more on a busy machine.
 */
async function runClock(page: Awaited<ReturnType<typeof openPage>>, seconds: number): Promise<void> {
  const now = () => page.evaluate(() => Date.now());
  const end = (await now()) + seconds * 1_000;
  for (let left = seconds * 1_000; left > 0; left = end - (await now())) {
    await page.clock.runFor(Math.min(5_000, left));
    // A request of the page itself is slower than the one of this test.
    await page.evaluate(() => fetch('/healthz').catch(() => {}));
  }
}

test('a page waits as long as Retry-After says, and no longer than that', async () => {
  const page = await openPage(front.url, { fakeClock: true });
  await logIn(page, 'ann');
  await waitForText(page, '#stream-state', 'live');
  front.setMode(proxyAnswer('503 Service Unavailable', ['Retry-After: 60']));
  await waitForText(page, '#stream-state', 'reconnecting');
  await runClock(page, 5);
  const asked = streamRequests();
  await runClock(page, 45);
  assert.is(streamRequests(), asked);
  await runClock(page, 20);
  assert.is(streamRequests(), asked + 1);
  front.setMode('pass');
  await runClock(page, 65);
  await waitForText(page, '#stream-state', 'live');
  await page.context().close();
});

test('without Retry-After the attempts become rare', async () => {
  const page = await openPage(front.url, { fakeClock: true });
  await logIn(page, 'ann');
  await waitForText(page, '#stream-state', 'live');
  front.setMode(proxyAnswer('502 Bad Gateway'));
  await waitForText(page, '#stream-state', 'reconnecting');
  await runClock(page, 60);
  const before = streamRequests();
  await runClock(page, 60);
  const attempts = streamRequests() - before;
  assert.ok(attempts >= 4 && attempts <= 13, `${attempts} attempts in a minute`);
  front.setMode('pass');
  await page.context().close();
});

test('a stream that is silent for longer than its keep-alive interval is opened again', async () => {
  const page = await openPage(front.url, { fakeClock: true });
  await logIn(page, 'ann');
  await waitForText(page, '#stream-state', 'live');
  const opened = streamRequests();
  front.setMode('silent');
  front.setMode('pass');
  await page.clock.fastForward(26_000);
  await until('the page opens the stream again', () => streamRequests() > opened);
  // The browser may first use other connections that have died as well.
  await waitWithRetries(page, async () => void (await waitForText(page, '#stream-state', 'live')));
  await page.context().close();
});

test('a log-out that cannot reach the server ends the session of the tab at once, and the token as soon as it can', async () => {
  const page = await openPage(front.url, { fakeClock: true });
  await register(page, 'lea', 'seller');
  const token = await page.evaluate(() => JSON.parse(sessionStorage.getItem('seckill session') ?? '{}').token);
  front.setMode(proxyAnswer('502 Bad Gateway'));
  await page.click('#log-out');
  await page.waitForSelector('#login:not([hidden])');
  assert.is((await client.list(token, 'ann')).status, 200);
  front.setMode('pass');
  await waitWithRetries(page, async () => assert.is((await client.list(token, 'ann')).status, 401));
  await page.context().close();
});

test('names that were taken before an outage are refused after it', async () => {
  const page = await openPage(front.url, { fakeClock: true });
  const duringOutage = async (submit: () => Promise<void>, retrying: string, field: string, text: string) => {
    front.setMode(proxyAnswer('502 Bad Gateway'));
    await submit();
    await waitForRetrying(page, retrying);
    front.setMode('pass');
    await waitWithRetries(page, async () => void (await waitForText(page, field, text)));
  };
  await page.click('#login-switch');
  await page.fill('#username', 'ann');
  await page.fill('#password', 'not hers');
  await duringOutage(
    () => page.click('#login-submit'),
    '#login-message',
    '#username-message',
    'This user name is already taken.',
  );
  await page.click('#login-switch');
  await logIn(page, 'ann');
  await waitForText(page, '#board-name', 'Spring');
  await page.fill('#coupon-name', 'Spring');
  await duringOutage(
    () => page.click('#create-form button'),
    '#create-message',
    '#coupon-name-message',
    'You already have a coupon with this name.',
  );
  await page.context().close();
});

test('a registration whose answer is lost ends with a log-in', async () => {
  const page = await openPage(front.url, { fakeClock: true });
  front.setMode('lose-replies');
  await page.click('#login-switch');
  await page.fill('#username', 'new');
  await page.fill('#password', 'secret');
  await page.click('#login-submit');
  await waitForRetrying(page, '#login-message');
  front.setMode('pass');
  await waitWithRetries(page, async () => void (await waitForText(page, '#account-name', 'new')));
  await page.context().close();
});

test('no script has failed', () => {
  assert.equal(errors, []);
});

test.after(close);
test.run();
