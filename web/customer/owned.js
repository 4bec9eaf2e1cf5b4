import { warn } from '../announce.js';
import { listOwned, messageOf, PAGE_SIZE } from '../api.js';
import { byId, create, formatCount, formatDateTime, setText } from '../dom.js';
import { untilAnswered } from '../retry.js';

/** More coupons are not read, so that a page does not send hundreds of requests. */
const MAX_PAGES = 50;

/** @typedef {Awaited<ReturnType<typeof listOwned>>[number]} OwnedCoupon */

/** The customer's own coupons. The API lists the oldest first; the page shows the newest first. */
export function openOwned() {
  let customer = '';
  /** Oldest first. @type {OwnedCoupon[]} */
  let coupons = [];
  let shown = PAGE_SIZE;
  let stop = new AbortController();
  /** @type {() => void} */
  let onChange = () => {};

  const show = () => {
    const newest = coupons.slice(-shown).reverse();
    const items = newest.map(({ name, stock, description, seller, grabbedAt }) =>
      create(
        'li',
        {},
        create('h3', {}, name),
        create('b', {}, formatCount(stock)),
        create('p', { class: 'hint from' }, `from ${seller} · ${formatDateTime(Date.parse(grabbedAt))}`),
        create('p', { class: 'hint' }, description),
      ),
    );
    byId('owned').replaceChildren(...items);
    byId('owned-empty').hidden = items.length > 0;
    byId('owned-more').hidden = coupons.length <= shown;
    const isCut = coupons.length === MAX_PAGES * PAGE_SIZE;
    setText(byId('owned-cut'), isCut ? `Only your first ${formatCount(coupons.length)} coupons are listed.` : '');
    onChange();
  };

  const load = async () => {
    stop.abort();
    stop = new AbortController();
    const { signal } = stop;
    try {
      // A full page never changes, because coupons are only added.
      for (let page = Math.floor(coupons.length / PAGE_SIZE) + 1; page <= MAX_PAGES; page++) {
        const onRetry = (/** @type {string} */ text) => warn('owned', text);
        const list = await untilAnswered(() => listOwned(customer, page, signal), { signal, onRetry });
        if (signal.aborted) return;
        warn('owned', '');
        coupons = [...coupons.slice(0, (page - 1) * PAGE_SIZE), ...list];
        if (list.length < PAGE_SIZE) break;
      }
      show();
    } catch (error) {
      if (!signal.aborted) warn('owned', messageOf(error));
    }
  };
  byId('owned-more').addEventListener('click', () => {
    shown += PAGE_SIZE;
    show();
  });

  return {
    load,
    /** @param {string} seller @param {string} name */
    has: (seller, name) => coupons.some((coupon) => coupon.seller === seller && coupon.name === name),
    /** @param {() => void} callback called when the list has changed */
    onChange(callback) {
      onChange = callback;
    },
    /** @param {string} username */
    start(username) {
      customer = username;
      void load();
    },
    stop() {
      stop.abort();
      warn('owned', '');
      coupons = [];
      shown = PAGE_SIZE;
      show();
    },
  };
}
