import { element, readSession, sendUntilKnown } from './retry.js';

const { seckill, coupon, user, token } = await readSession();
const couponUrl = `${seckill}/api/users/${encodeURIComponent(coupon.seller)}/coupons/${encodeURIComponent(coupon.name)}`;
const get = /** @type {HTMLButtonElement} */ (element('get'));
element('product').textContent = `A ${coupon.name}`;
element(user === undefined ? 'log-in' : 'log-out').hidden = false;

/** What the header Grab-Outcome of a 204 means to a customer. @type {Record<string, string>} */
const refusals = {
  'sold-out': 'Sold out.',
  'already-grabbed': 'You have one already. See My orders.',
  'no-such-coupon': 'This offer is over.',
  paused: 'The sale is paused. Try again later.',
  ended: 'The sale has ended.',
  closed: 'The sale has ended.',
};

/** @param {Response} answer */
async function messageOf(answer) {
  const outcome = answer.headers.get('Grab-Outcome') ?? '';
  if (answer.status === 201) return 'It is yours. Your order is being made: see My orders.';
  if (outcome === 'not-started') return `Not started yet. The sale starts in ${answer.headers.get('Retry-After')} s.`;
  if (answer.status === 204) return refusals[outcome] ?? 'You did not get it.';
  if (answer.status === 401) return 'Your log-in has expired. Log in again.';
  return `Not possible: ${(await answer.json()).errMsg}`;
}

async function showOffer() {
  const answer = await fetch(couponUrl, { headers: { Authorization: `Bearer ${token}` } }).catch(() => undefined);
  if (!answer?.ok) return;
  const { description, left, amount, startsAt, status } = (await answer.json()).data;
  const start = status === 'scheduled' ? `, from ${new Date(startsAt).toLocaleString()}` : '';
  element('offer').textContent = `${description}. ${left} of ${amount} left${start}.`;
}

get.addEventListener('click', async () => {
  get.disabled = true;
  element('message').textContent = 'One moment …';
  // The key is chosen before the first attempt. It survives a reload of the page in the middle of the retries.
  const place = `grab ${user} ${coupon.name}`;
  const key = sessionStorage.getItem(place) ?? crypto.randomUUID();
  sessionStorage.setItem(place, key);
  const onRetry = () => {
    element('message').textContent = 'No answer yet, retrying …';
  };
  const answer = await sendUntilKnown(couponUrl, { method: 'PATCH', token: token ?? '', key, onRetry });
  // Another click is another grab, unless the outcome of this one is still unknown.
  if (answer.status === 201 || answer.status === 204) sessionStorage.removeItem(place);
  if (answer.status === 401) element('log-in').hidden = false;
  element('message').textContent = await messageOf(answer);
  get.disabled = false;
  await showOffer();
});

if (user !== undefined) {
  element('user').textContent = user;
  get.disabled = false;
  await showOffer();
}
