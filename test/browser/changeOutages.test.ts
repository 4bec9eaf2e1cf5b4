import * as assert from 'uvu/assert';
import { logIn, waitForText } from './browser.ts';
import { openOutages, testOutages, waitForRetrying } from './outages.ts';

const opened = await openOutages();
const { client } = opened;

await testOutages('changes of a coupon and the till', opened, {
  'a coupon is restocked once': (seller) => ({
    async prepare(page) {
      const token = await client.enter(seller, 'seller');
      await client.create(token, seller, { name: 'Spring', amount: 3, stock: 5 });
      await logIn(page, seller);
      await waitForText(page, '#board-left', '3');
    },
    async during(page) {
      await page.click('#restock-open');
      await page.fill('#restock-amount', '4');
      await page.click('#restock-form [type=submit]');
      await waitForRetrying(page, '#restock-message');
    },
    async after(page) {
      await page.waitForSelector('#restock-dialog:not([open])', { state: 'attached' });
      await waitForText(page, '#board-left', '7');
    },
  }),
  'a coupon is paused': (seller) => ({
    async prepare(page) {
      const token = await client.enter(seller, 'seller');
      await client.create(token, seller, { name: 'Spring', amount: 3, stock: 5 });
      await logIn(page, seller);
      await waitForText(page, '#board-left', '3');
    },
    async during(page) {
      await page.click('#pause');
      await page.click('#confirm-yes');
      await page.waitForSelector('#manage-message:not(:empty)');
      await waitForRetrying(page, '#manage-message');
    },
    async after(page) {
      await waitForText(page, '#board-status', 'paused');
      assert.is(await page.textContent('#manage-message'), '');
    },
  }),
  'a code is redeemed': (seller) => {
    let code = '';
    return {
      async prepare(page) {
        const token = await client.enter(seller, 'seller');
        await client.create(token, seller, { name: 'Spring', amount: 3, stock: 5 });
        const customer = await client.enter(`${seller}-customer`, 'customer');
        code = String((await client.grab(customer, seller, 'Spring')).body?.code);
        await logIn(page, seller);
        await page.click('#to-till');
      },
      async during(page) {
        await page.fill('#till-code', code);
        await page.press('#till-code', 'Enter');
        await waitForRetrying(page, '#till-results .verdict');
      },
      after: async (page) => void (await waitForText(page, '#till-results .verdict', 'Redeemed: Spring')),
    };
  },
});
