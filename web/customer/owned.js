import { warn } from '../announce.js';
import { byId, formatCount, setText } from '../dom.js';
import { listOwned, messageOf, PAGE_SIZE } from '../server/api.js';
import { spread } from '../server/clock.js';
import { untilAnswered } from '../server/retry.js';
import { createPiece } from './piece.js';

/** More coupons are not read, so that a page does not send hundreds of requests. */
const MAX_PAGES = 50;
/** While a code is shown, the list is read again after this time: the seller may have redeemed it. */
const REREAD_INTERVAL_MS = 5_000;

/** @typedef {Awaited<ReturnType<typeof listOwned>>[number]} OwnedCoupon */

/** Identifies a piece. @param {OwnedCoupon} coupon */
const keyOf = ({ seller, name, code, grabbedAt }) => [seller, name, code ?? grabbedAt].join('/');

/** The customer's own coupons. The API lists the oldest first; the page shows the newest first. */
export function openOwned() {
  const list = byId('owned');
  let customer = '';
  /** Oldest first. @type {OwnedCoupon[]} */
  let coupons = [];
  /** @type {Map<string, ReturnType<typeof createPiece>>} */
  let pieces = new Map();
  let shown = PAGE_SIZE;
  let ofCustomer = new AbortController();
  let stop = new AbortController();
  /** @type {() => void} */
  let onChange = () => {};

  /** @param {OwnedCoupon} coupon */
  const pieceOf = (coupon) => {
    const known = pieces.get(keyOf(coupon));
    known?.update(coupon);
    const { signal } = ofCustomer;
    return known ?? createPiece(coupon, { customer, signal, onReleased });
  };
  const show = () => {
    const newest = coupons.slice(-shown).reverse();
    pieces = new Map(newest.map((coupon) => [keyOf(coupon), pieceOf(coupon)]));
    let position = list.firstElementChild;
    for (const { item } of pieces.values()) {
      // Moved only when its position is wrong, because moving an element takes the focus away from it.
      if (item !== position) list.insertBefore(item, position);
      else position = item.nextElementSibling;
    }
    while (list.childElementCount > pieces.size) list.lastElementChild?.remove();
    byId('owned-empty').hidden = pieces.size > 0;
    byId('owned-more').hidden = coupons.length <= shown;
    const isCut = coupons.length === MAX_PAGES * PAGE_SIZE;
    setText(byId('owned-cut'), isCut ? `Only your first ${formatCount(coupons.length)} coupons are listed.` : '');
    onChange();
  };

  /** Reads the pages from this one on. Full pages before it are as they were. @param {number} first */
  const loadFrom = async (first) => {
    stop.abort();
    stop = new AbortController();
    const signal = AbortSignal.any([stop.signal, ofCustomer.signal]);
    try {
      let read = coupons.slice(0, (first - 1) * PAGE_SIZE);
      for (let page = first; page <= MAX_PAGES; page++) {
        const onRetry = (/** @type {string} */ text) => warn('owned', text);
        const more = await untilAnswered(() => listOwned(customer, page, signal), { signal, onRetry });
        if (signal.aborted) return;
        warn('owned', '');
        read = [...read, ...more];
        if (more.length < PAGE_SIZE) break;
      }
      coupons = read;
      show();
    } catch (error) {
      if (!signal.aborted) warn('owned', messageOf(error));
    }
  };
  /** A grab adds to the last page only. */
  const load = () => loadFrom(Math.floor(coupons.length / PAGE_SIZE) + 1);
  /** A piece that was given back moves all that are younger. */
  const onReleased = async () => {
    await loadFrom(1);
    byId('owned-title').focus();
  };
  byId('owned-more').addEventListener('click', () => {
    shown += PAGE_SIZE;
    show();
  });
  setInterval(() => {
    if (document.hidden || ![...pieces.values()].some((piece) => piece.isOpen())) return;
    spread(ofCustomer.signal, () => void loadFrom(1));
  }, REREAD_INTERVAL_MS);

  return {
    load,
    /** The pieces of a coupon that the customer has. @param {string} seller @param {string} name */
    count: (seller, name) => coupons.filter((coupon) => coupon.seller === seller && coupon.name === name).length,
    /** @param {() => void} callback called when the list has changed */
    onChange(callback) {
      onChange = callback;
    },
    /** @param {string} username */
    start(username) {
      customer = username;
      ofCustomer = new AbortController();
      void load();
    },
    stop() {
      ofCustomer.abort();
      warn('owned', '');
      coupons = [];
      shown = PAGE_SIZE;
      show();
    },
  };
}
