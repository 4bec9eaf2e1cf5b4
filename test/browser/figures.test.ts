import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createClient } from '../support/httpClient.ts';
import { openRestartableServer } from '../support/restartableServer.ts';
import { logIn, openChromium, waitForText } from './browser.ts';

const server = await openRestartableServer();
const { openPage, errors, close } = await openChromium();
const client = createClient(server.url);
const test = suite('the figures of the console');

const customers = await Promise.all(Array.from({ length: 4 }, (_, index) => client.enter(`c-${index}`, 'customer')));
const [bob = ''] = customers;
let sellers = 0;
async function givenSale(amount: number): Promise<string> {
  const seller = `seller-${++sellers}`;
  await client.create(await client.enter(seller, 'seller'), seller, { name: 'Spring', amount, stock: 5 });
  return seller;
}
const summaryIds = ['board-left', 'first-grab', 'last-grab', 'sold-out-after'];

test('five requests with one key are shown as one grab and five attempts', async () => {
  const seller = await givenSale(1);
  const page = await openPage(server.url);
  await logIn(page, seller);
  await waitForText(page, '#board-left', '1');
  for (let sent = 0; sent < 5; sent++) await client.grab(bob, seller, 'Spring', 'one key');
  await waitForText(page, '#attempts', '5');
  await waitForText(page, '#board-left', '0');
  await waitForText(page, '#outcomes div:nth-child(1) dd', '1');
  await page.context().close();
});

test('a finished sale is shown after a restart, with what is stored and with the refusals at zero', async () => {
  const seller = await givenSale(3);
  const page = await openPage(server.url);
  await logIn(page, seller);
  await waitForText(page, '#board-left', '3');
  for (const customer of customers) await client.grab(customer, seller, 'Spring');
  await waitForText(page, '#outcomes div:nth-child(2) dd', '1');
  // The chart and the times of the grabs are those that MySQL has.
  await waitForText(page, '#durable-state', 'yes');
  await page.waitForFunction(() => {
    const chart = document.querySelector('#plot-minutes')?.getAttribute('aria-label') ?? '';
    const grabs = [...chart.matchAll(/\d\d:\d\d (\d+)/g)].map(([, count]) => Number(count));
    return grabs.reduce((sum, count) => sum + count, 0) === 3;
  });
  const read = () => Promise.all(summaryIds.map((id) => page.textContent(`#${id}`)));
  const chart = await page.getAttribute('#plot-minutes', 'aria-label');
  const before = await read();
  assert.match(chart ?? '', /^Grabs per minute: \d\d:\d\d \d/);
  assert.ok(!before.includes('–'));
  await server.stop();
  await server.start();
  await page.reload();
  await waitForText(page, '#sold-out-after', before.at(-1) ?? '');
  assert.equal(await read(), before);
  assert.is(await page.getAttribute('#plot-minutes', 'aria-label'), chart);
  assert.is(await page.textContent('#outcomes div:nth-child(1) dd'), '3');
  assert.is(await page.textContent('#outcomes div:nth-child(2) dd'), '0');
  assert.match((await page.textContent('#outcomes + .hint')) ?? '', /not stored/);
  await page.context().close();
});

test('no script has failed', () => {
  assert.equal(errors, []);
});

test.after(async () => {
  await close();
  await server.close();
});
test.run();
