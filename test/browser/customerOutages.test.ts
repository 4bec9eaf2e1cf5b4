import type { Page } from 'playwright-core';
import * as assert from 'uvu/assert';
import { logIn, register, waitForText } from './browser.ts';
import { openOutages, testOutages, waitForRetrying } from './outages.ts';

const opened = await openOutages();
const { client } = opened;

// Two pages of a list.
const ann = await client.enter('ann', 'seller');
await client.create(ann, 'ann', { name: 'Spring', amount: 1_000, stock: 5 });
for (let index = 1; index <= 20; index++)
  await client.create(ann, 'ann', { name: `Coupon ${index}`, amount: 9, stock: 5 });

async function openOffers(page: Page, user: string): Promise<void> {
  await register(page, user, 'customer');
  await page.fill('#find-seller', 'ann');
  await page.click('#find-form button');
  await page.waitForSelector('[aria-label="Grab Spring"]');
}

await testOutages("a customer's page", opened, {
  'a grab gets its outcome': (user) => ({
    prepare: (page) => openOffers(page, user),
    async during(page) {
      await page.click('[aria-label="Grab Spring"]');
      await waitForRetrying(page, '#offers-list .outcome:not(:empty)');
    },
    async after(page) {
      await page.waitForSelector(':text("Grabbed! This coupon is yours.")');
      await waitForText(page, '#owned h3', 'Spring');
    },
  }),
  'a page of a list is shown': (user) => ({
    prepare: (page) => openOffers(page, user),
    async during(page) {
      await page.click('#offers-next');
      await waitForRetrying(page, '#banner');
    },
    async after(page) {
      await waitForText(page, '#offers-page', 'Page 2');
      await waitForText(page, '#offers h4', 'Coupon 20');
      await page.waitForSelector('#banner', { state: 'hidden' });
    },
  }),
  'a coupon is given back': (user) => ({
    async prepare(page) {
      await client.grab(await client.enter(user, 'customer'), 'ann', 'Spring');
      await logIn(page, user);
      await waitForText(page, '#owned h3', 'Spring');
    },
    async during(page) {
      await page.click('[aria-label="Give back Spring"]');
      await page.click('#confirm-yes');
      await page.waitForSelector('#owned [role=status]:not(:empty)');
      await waitForRetrying(page, '#owned [role=status]');
    },
    async after(page) {
      await page.waitForSelector('#owned-empty:not([hidden])');
    },
  }),
  'a user is logged in': (user) => ({
    async prepare() {
      const token = await client.enter(user, 'customer');
      await client.grab(token, 'ann', 'Spring');
    },
    async during(page) {
      await logIn(page, user);
      await waitForRetrying(page, '#login-message');
    },
    async after(page) {
      await page.waitForSelector('#customer:not([hidden])');
      await waitForText(page, '#owned h3', 'Spring');
      assert.is(await page.textContent('#login-message'), '');
    },
  }),
});
