import { announce, warn } from './announce.js';
import { ApiError, couponsPath, listCoupons, messageOf, send } from './api.js';
import { byId, create, fieldsOf, formatCount, setBar, setText } from './dom.js';
import { follow } from './live.js';

const PAGE_SIZE = 20;
const MAX_ATTEMPTS = 4;
const RETRY_DELAY_MS = 1_000;

/** @type {Record<string, { text: string, outcome: string }>} */
const outcomes = {
  grabbed: { text: 'Grabbed! This coupon is yours.', outcome: 'grabbed' },
  'already-grabbed': { text: 'You already have this coupon.', outcome: 'refused' },
  'sold-out': { text: 'Sold out.', outcome: 'refused' },
  'no-such-coupon': { text: 'This coupon does not exist.', outcome: 'refused' },
};

/** With the same key a retry gets the original outcome, so a customer whose first answer was lost still learns of the grab. */
const idempotencyKey = () =>
  [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, '0')).join('');

/**
 * Grabs a piece and retries while the outcome is unknown. Throws when the last attempt has no outcome either.
 * @param {string} seller
 * @param {string} name
 * @param {() => void} onRetry
 */
async function grab(seller, name, onRetry) {
  const headers = { 'Idempotency-Key': idempotencyKey() };
  for (let attempt = 1; ; attempt++) {
    try {
      const response = await send('PATCH', `${couponsPath(seller)}/${encodeURIComponent(name)}`, { headers });
      return response.headers.get('Grab-Outcome') ?? '';
    } catch (error) {
      const canRetry = error instanceof ApiError && (error.status === 503 || error.status === 0);
      if (!canRetry || attempt === MAX_ATTEMPTS) throw error;
      onRetry();
      await new Promise((resolve) => setTimeout(resolve, RETRY_DELAY_MS));
    }
  }
}

/** A customer's page: find a seller's coupons, grab them, and list the customer's own. */
export function openCustomer() {
  let customer = '';
  let seller = '';
  let page = 1;
  let searches = 0;
  let ownedPages = 1;
  let stop = () => {};
  /** @type {Map<string, { show: (left: number, amount: number) => void }>} */
  let offers = new Map();

  const showOwned = async () => {
    const lists = await Promise.all(Array.from({ length: ownedPages }, (_, index) => listCoupons(customer, index + 1)));
    const items = lists
      .flat()
      .map(({ name, stock, description }) =>
        create(
          'li',
          {},
          create('h3', {}, name),
          create('b', {}, formatCount(stock)),
          create('p', { class: 'hint' }, description),
        ),
      );
    byId('owned').replaceChildren(...items);
    byId('owned-empty').hidden = items.length > 0;
    byId('owned-more').hidden = lists.at(-1)?.length !== PAGE_SIZE;
  };

  /** @param {Awaited<ReturnType<typeof listCoupons>>[number]} coupon */
  const offerOf = ({ name, stock, description, amount, left }) => {
    // Kept, because `seller` changes with the next search while this offer may still be on the page.
    const offeredBy = seller;
    const count = create('span');
    const bar = create('span', { class: 'bar', 'aria-hidden': 'true' }, create('span'));
    const outcome = create('p', { class: 'outcome' });
    const button = create('button', { type: 'button', class: 'primary', 'aria-label': `Grab ${name}` }, 'Grab');
    let busy = false;
    button.addEventListener('click', async () => {
      if (busy) return;
      busy = true;
      outcome.dataset.outcome = 'waiting';
      setText(outcome, 'Grabbing …');
      try {
        const answer = await grab(offeredBy, name, () => setText(outcome, 'No answer yet, retrying …'));
        const result = outcomes[answer] ?? { text: answer, outcome: 'refused' };
        outcome.dataset.outcome = result.outcome;
        setText(outcome, result.text);
        announce(`${name}: ${result.text}`);
        if (answer === 'grabbed') await showOwned();
      } catch (error) {
        const text = messageOf(error);
        outcome.dataset.outcome = 'waiting';
        setText(outcome, text);
        announce(`${name}: ${text}`);
      } finally {
        busy = false;
      }
    });
    const counts = create('p', { class: 'counts hint' }, count, create('span', {}, `face value ${formatCount(stock)}`));
    const body = create(
      'div',
      { class: 'card offer' },
      create('h3', {}, name),
      create('p', { class: 'about' }, description),
      bar,
      counts,
      outcome,
      button,
    );
    /** @param {number} leftNow @param {number} amountNow */
    const show = (leftNow, amountNow) => {
      setText(count, leftNow === 0 ? 'sold out' : `${formatCount(leftNow)} of ${formatCount(amountNow)} left`);
      setBar(bar, leftNow / amountNow);
      body.dataset.soldOut = leftNow === 0 ? 'yes' : 'no';
    };
    show(left, amount);
    offers.set(name, { show });
    return create('li', {}, body);
  };

  const showOffers = async () => {
    const list = await listCoupons(seller, page);
    offers = new Map();
    byId('offers').hidden = false;
    setText(
      byId('offers-title'),
      list.length === 0 && page === 1 ? `${seller} has no coupons yet` : `Coupons from ${seller}`,
    );
    byId('offers-list').replaceChildren(...list.map(offerOf));
    byId('offers-pages').hidden = page === 1 && list.length < PAGE_SIZE;
    setText(byId('offers-page'), `Page ${page}`);
    byId('offers-previous').setAttribute('aria-disabled', String(page === 1));
    byId('offers-next').setAttribute('aria-disabled', String(list.length < PAGE_SIZE));
  };

  /** @param {readonly { name: string, left: number, amount: number }[]} coupons */
  const showLive = (coupons) => {
    for (const { name, left, amount } of coupons) offers.get(name)?.show(left, amount);
  };

  const find = byId('find-form', HTMLFormElement);
  find.addEventListener('submit', async (event) => {
    event.preventDefault();
    stop();
    const search = ++searches;
    setText(byId('find-message'), '');
    seller = fieldsOf(find).seller ?? '';
    page = 1;
    try {
      // A customer's own name would list the coupons that the customer has, not coupons for sale.
      if (seller === customer) throw new ApiError(400, 'Record not found.');
      await showOffers();
      if (search !== searches) return;
      announce(byId('offers-title').textContent ?? '');
      stop = follow(seller, {
        snapshot: ({ coupons }) => showLive(coupons),
        figures: ({ coupons }) => showLive(coupons),
      });
    } catch (error) {
      byId('offers').hidden = true;
      const text = messageOf(error);
      setText(
        byId('find-message'),
        text === 'Record not found.' || text === 'Cannot check other customer.'
          ? 'There is no seller with this name.'
          : text,
      );
    }
  });
  for (const [id, step] of /** @type {const} */ ([
    ['offers-previous', -1],
    ['offers-next', 1],
  ])) {
    byId(id).addEventListener('click', async () => {
      if (byId(id).getAttribute('aria-disabled') === 'true') return;
      page += step;
      await showOffers().catch((error) => warn(messageOf(error)));
    });
  }
  byId('owned-more').addEventListener('click', () => {
    ownedPages++;
    showOwned().catch((error) => warn(messageOf(error)));
  });

  return {
    /** @param {string} username */
    start(username) {
      customer = username;
      ownedPages = 1;
      byId('offers').hidden = true;
      showOwned().catch((error) => warn(messageOf(error)));
    },
    stop() {
      searches++;
      stop();
    },
  };
}
