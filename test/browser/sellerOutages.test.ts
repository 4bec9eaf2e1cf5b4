import * as assert from 'uvu/assert';
import { logIn, register, waitForText } from './browser.ts';
import { openOutages, testOutages, waitForRetrying } from './outages.ts';

const opened = await openOutages();
const { client } = opened;

await testOutages("a seller's page", opened, {
  'live figures come back': (seller) => ({
    async prepare(page) {
      const token = await client.enter(seller, 'seller');
      await client.create(token, seller, { name: 'Spring', amount: 3, stock: 5 });
      await logIn(page, seller);
      await waitForText(page, '#stream-state', 'live');
      await waitForText(page, '#board-left', '3');
    },
    during: async (page) => void (await waitForText(page, '#stream-state', 'reconnecting')),
    async after(page) {
      await waitForText(page, '#stream-state', 'live');
      const customer = await client.enter(`${seller}-customer`, 'customer');
      await client.grab(customer, seller, 'Spring');
      await waitForText(page, '#board-left', '2');
      assert.is(await page.isVisible('#banner'), false);
    },
  }),
  'a coupon is created': (seller) => ({
    prepare: (page) => register(page, seller, 'seller'),
    async during(page) {
      await page.fill('#coupon-name', 'Summer');
      await page.click('#create-form button');
      await waitForRetrying(page, '#create-message');
    },
    async after(page) {
      await waitForText(page, '#board-name', 'Summer');
      assert.is(await page.textContent('#create-message'), '');
    },
  }),
});
