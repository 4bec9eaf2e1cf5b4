import { announce, warn } from './announce.js';
import { ApiError, couponsPath, listCoupons, send } from './api.js';
import { byId, create, fieldsOf, formatCount, setBar, setText } from './dom.js';
import { follow } from './live.js';

const PAGE_SIZE = 20;
const TRIES = 4;

/** @type {Record<string, { text: string, outcome: string }>} */
const outcomes = {
  grabbed: { text: 'Yours!', outcome: 'grabbed' },
  'already-grabbed': { text: 'You have one already.', outcome: 'refused' },
  'sold-out': { text: 'Sold out.', outcome: 'refused' },
  'no-such-coupon': { text: 'There is no such coupon.', outcome: 'refused' },
};

/** The key lets a grab be asked for again: whoever won, and did not hear so, is told the same once more. */
const idempotencyKey = () =>
  [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, '0')).join('');

/**
 * Grabs, and asks again for as long as nobody knows. Throws when it stays unknown.
 * @param {string} seller
 * @param {string} name
 * @param {() => void} onWait
 */
async function grab(seller, name, onWait) {
  const headers = { 'Idempotency-Key': idempotencyKey() };
  for (let tries = 1; ; tries++) {
    try {
      const response = await send('PATCH', `${couponsPath(seller)}/${encodeURIComponent(name)}`, { headers });
      return response.headers.get('Grab-Outcome') ?? '';
    } catch (error) {
      const mayAsk = error instanceof ApiError && (error.status === 503 || error.status === 0);
      if (!mayAsk || tries === TRIES) throw error;
      onWait();
      await new Promise((resolve) => setTimeout(resolve, 1_000));
    }
  }
}

/** A customer's page: look at a seller's coupons, grab, see what one has. */
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
    const lists = await Promise.all(
      Array.from({ length: ownedPages }, (_, before) => listCoupons(customer, before + 1)),
    );
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
    // Another seller may be asked for while this offer is still on the page, and have a coupon of the same name.
    const of = seller;
    const count = create('span');
    const bar = create('span', { class: 'bar', 'aria-hidden': 'true' }, create('span'));
    const outcome = create('p', { class: 'outcome' });
    const button = create('button', { type: 'button', class: 'primary', 'aria-label': `Grab ${name}` }, 'Grab');
    let busy = false;
    button.addEventListener('click', async () => {
      if (busy) return;
      busy = true;
      outcome.dataset.outcome = 'waiting';
      setText(outcome, '…');
      try {
        const answer = await grab(of, name, () => setText(outcome, 'Nobody knows yet; asking again …'));
        const told = outcomes[answer] ?? { text: answer, outcome: 'refused' };
        outcome.dataset.outcome = told.outcome;
        setText(outcome, told.text);
        announce(`${name}: ${told.text}`);
        if (answer === 'grabbed') await showOwned();
      } catch (error) {
        const text = error instanceof ApiError ? error.message : String(error);
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
    /** @param {number} leftNow @param {number} pieces */
    const show = (leftNow, pieces) => {
      setText(count, leftNow === 0 ? 'sold out' : `${formatCount(leftNow)} of ${formatCount(pieces)} left`);
      setBar(bar, leftNow / pieces);
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
      list.length === 0 && page === 1 ? `${seller} sells nothing yet` : `Coupons of ${seller}`,
    );
    byId('offers-list').replaceChildren(...list.map(offerOf));
    byId('offers-pages').hidden = page === 1 && list.length < PAGE_SIZE;
    setText(byId('offers-page'), `page ${page}`);
    byId('offers-before').setAttribute('aria-disabled', String(page === 1));
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
    const asked = ++searches;
    setText(byId('find-message'), '');
    seller = fieldsOf(find).seller ?? '';
    page = 1;
    try {
      // A customer's own list is of what they have.
      if (seller === customer) throw new ApiError(400, 'Record not found.');
      await showOffers();
      if (asked !== searches) return;
      announce(byId('offers-title').textContent ?? '');
      stop = follow(seller, {
        snapshot: ({ coupons }) => showLive(coupons),
        figures: ({ coupons }) => showLive(coupons),
      });
    } catch (error) {
      byId('offers').hidden = true;
      const text = error instanceof ApiError ? error.message : String(error);
      setText(
        byId('find-message'),
        text === 'Record not found.' || text === 'Cannot check other customer.' ? 'There is no such seller.' : text,
      );
    }
  });
  for (const [id, step] of /** @type {const} */ ([
    ['offers-before', -1],
    ['offers-next', 1],
  ])) {
    byId(id).addEventListener('click', async () => {
      if (byId(id).getAttribute('aria-disabled') === 'true') return;
      page += step;
      await showOffers().catch((error) => warn(error.message));
    });
  }
  byId('owned-more').addEventListener('click', () => {
    ownedPages++;
    showOwned().catch((error) => warn(error.message));
  });

  return {
    /** @param {string} username */
    start(username) {
      customer = username;
      ownedPages = 1;
      byId('offers').hidden = true;
      showOwned().catch((error) => warn(error.message));
    },
    stop() {
      searches++;
      stop();
    },
  };
}
