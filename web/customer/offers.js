import { announce, warn } from '../announce.js';
import { byId, setText } from '../dom.js';
import { ApiError, listOffers, messageOf, PAGE_SIZE } from '../server/api.js';
import { spread } from '../server/clock.js';
import { follow } from '../server/live.js';
import { untilAnswered } from '../server/retry.js';
import { createOffer } from './offer.js';

/** The live stream has a seller's newest coupons. Coupons on the page that it lacks are read again after this time. */
const REREAD_INTERVAL_MS = 5_000;

const COUNTDOWN_INTERVAL_MS = 1_000;

/**
 * The coupons of one seller, page by page: those on sale or coming up, and those that are sold out or over.
 * @param {{ count: (seller: string, name: string) => number, load: () => Promise<void> }} owned
 */
export function openOffers(owned) {
  const lists = { onSale: byId('offers-list'), over: byId('sold-out-list') };
  let seller = '';
  let shownPage = 1;
  /** @type {Map<string, ReturnType<typeof createOffer>>} */
  let offers = new Map();
  /** @type {Set<string>} */
  let liveNames = new Set();
  /** Aborted when the seller is left. Grabs go on while the customer turns pages. */
  let ofSeller = new AbortController();
  let ofPage = new AbortController();
  let stopStream = () => {};

  // A coupon that has just been sold out moves to the other list, but not from under the keyboard focus. One that has just started
  // stays where it is: the pointer of the customer waits on its button.
  const sort = () => {
    for (const offer of offers.values()) {
      const list = offer.isOver() ? lists.over : lists.onSale;
      const hasFocus = offer.item.contains(document.activeElement);
      if (offer.item.parentElement !== list && !(hasFocus && offer.item.isConnected)) list.append(offer.item);
    }
    byId('on-sale').hidden = lists.onSale.childElementCount === 0;
    byId('sold-out').hidden = lists.over.childElementCount === 0;
  };
  byId('offers').addEventListener('focusout', () => setTimeout(sort));

  /** @param {readonly (import('./offer.js').Sale & { name: string })[]} coupons */
  const showSales = (coupons) => {
    for (const coupon of coupons) offers.get(coupon.name)?.setSale(coupon);
    sort();
  };
  const showOwned = () => {
    for (const { name, setOwned } of offers.values()) setOwned(owned.count(seller, name));
  };

  /** Reads the shown page again if it has coupons that the live stream lacks. */
  const reread = async () => {
    const { signal } = ofPage;
    if (liveNames.size === 0 || [...offers.keys()].every((name) => liveNames.has(name))) return;
    const list = await listOffers(seller, shownPage, signal).catch(() => []);
    if (!signal.aborted) showSales(list);
  };

  /** @param {number} page @param {(message: string) => void} onRetry */
  const showPage = async (page, onRetry) => {
    ofPage.abort();
    ofPage = new AbortController();
    const signal = AbortSignal.any([ofPage.signal, ofSeller.signal]);
    const list = await untilAnswered(() => listOffers(seller, page, signal), { signal, onRetry });
    signal.throwIfAborted();
    shownPage = page;
    const onWindow = () => {
      sort();
      // All pages reach the start at the same moment.
      spread(ofPage.signal, reread);
    };
    const options = { signal: ofSeller.signal, pageSignal: signal, onGrabbed: owned.load, onWindow };
    const created = list.map((coupon) => createOffer(coupon, seller, options));
    offers = new Map(created.map((offer) => [offer.name, offer]));
    for (const element of Object.values(lists)) element.replaceChildren();
    sort();
    showOwned();
    byId('offers').hidden = false;
    const isEmpty = list.length === 0 && page === 1;
    setText(byId('offers-title'), isEmpty ? `${seller} has no coupons yet` : `Coupons from ${seller}`);
    byId('offers-pages').hidden = page === 1 && list.length < PAGE_SIZE;
    setText(byId('offers-page'), `Page ${page}`);
    byId('offers-previous').setAttribute('aria-disabled', String(page === 1));
    byId('offers-next').setAttribute('aria-disabled', String(list.length < PAGE_SIZE));
  };

  /** @param {number} page */
  const turnTo = async (page) => {
    try {
      await showPage(page, (text) => warn('offers', text));
      warn('offers', '');
      const title = byId('offers-title');
      title.focus({ preventScroll: true });
      title.scrollIntoView({ block: 'start' });
      announce(`Page ${page}`);
    } catch (error) {
      // Another page or another seller has taken its place.
      if (error instanceof ApiError) warn('offers', messageOf(error));
    }
  };
  for (const [id, step] of /** @type {const} */ ([
    ['offers-previous', -1],
    ['offers-next', 1],
  ])) {
    byId(id).addEventListener('click', () => {
      if (byId(id).getAttribute('aria-disabled') !== 'true') void turnTo(shownPage + step);
    });
  }

  setInterval(() => spread(ofPage.signal, reread), REREAD_INTERVAL_MS);
  setInterval(() => {
    for (const { showCountdown } of offers.values()) showCountdown();
  }, COUNTDOWN_INTERVAL_MS);

  const stop = () => {
    ofSeller.abort();
    ofPage.abort();
    stopStream();
    stopStream = () => {};
    offers = new Map();
    liveNames = new Set();
    warn('offers', '');
    byId('offers').hidden = true;
    for (const element of Object.values(lists)) element.replaceChildren();
  };

  return {
    /**
     * Shows the first page of a seller and follows the sales. Throws the API's refusal.
     * @param {string} username
     * @param {(message: string) => void} onRetry
     */
    async open(username, onRetry) {
      stop();
      ofSeller = new AbortController();
      seller = username;
      await showPage(1, onRetry);
      announce(byId('offers-title').textContent ?? '');
      stopStream = follow(seller, {
        snapshot({ coupons }) {
          liveNames = new Set(coupons.map(({ name }) => name));
          showSales(coupons);
        },
        figures({ coupons }) {
          for (const { name } of coupons) liveNames.add(name);
          showSales(coupons);
        },
      });
    },
    showOwned,
    stop,
  };
}
