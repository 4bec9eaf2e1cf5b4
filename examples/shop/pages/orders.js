import { element, readSession, sendUntilKnown } from './retry.js';

const POLL_MS = 1_000;
const { seckill, coupon, user, token } = await readSession();
const cancel = /** @type {HTMLButtonElement} */ (element('cancel'));

async function showOrders() {
  const answer = await fetch('/api/orders').catch(() => undefined);
  if (answer?.status === 401) element('message').textContent = 'Log in to see your orders.';
  if (!answer?.ok) return;
  /** @type {{ orders: { id: string, product: string, status: string }[] }} */
  const { orders } = await answer.json();
  element('message').textContent = orders.length === 0 ? 'No orders yet.' : '';
  const items = orders.map(({ id, product, status }) => {
    const item = document.createElement('li');
    item.dataset.order = id;
    item.textContent = `${product}: ${status}`;
    return item;
  });
  element('orders').replaceChildren(...items);
  cancel.hidden = !orders.some(({ product, status }) => product === coupon.name && status === 'ordered');
}

// The customer gives the piece back at seckill. The order is canceled when the event arrives at the shop.
cancel.addEventListener('click', async () => {
  cancel.disabled = true;
  const path = [user ?? '', 'coupons', coupon.seller, coupon.name].map(encodeURIComponent).join('/');
  await sendUntilKnown(`${seckill}/api/users/${path}`, {
    method: 'DELETE',
    token: token ?? '',
    key: crypto.randomUUID(),
    onRetry() {},
  });
  cancel.disabled = false;
});

for (;;) {
  await showOrders();
  await new Promise((resolve) => setTimeout(resolve, POLL_MS));
}
