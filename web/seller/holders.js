import { byId, create, formatCount, formatDateTime, setText } from '../dom.js';
import { openForm } from '../forms.js';
import { couponPath, download, messageOf, send } from '../server/api.js';
import { untilAnswered } from '../server/retry.js';

const PAGE_SIZE = 20;

/** @typedef {import('../../src/queries/listHolders.ts').Holder} Holder */

/** The customers who have a piece of the shown coupon: search, pages and a file. They are read from MySQL on request. */
export function openHolders() {
  let seller = '';
  let name = '';
  let q = '';
  /** Where each page up to the shown one begins: the version before it. */
  let starts = [0];
  /** Where the next page begins. @type {number | undefined} */
  let next;
  let ofCoupon = new AbortController();

  /** @param {string} iso */
  const dateTime = (iso) => formatDateTime(Date.parse(iso));
  /** @param {Holder} holder */
  const rowOf = ({ customer, code = '–', grabbedAt, redeemedAt }) =>
    create(
      'li',
      {},
      create('b', {}, customer),
      create('code', {}, code),
      create('span', { class: 'hint' }, `grabbed ${dateTime(grabbedAt)}`),
      ...(redeemedAt === undefined ? [] : [create('span', { class: 'hint' }, `redeemed ${dateTime(redeemedAt)}`)]),
    );

  /** @param {number[]} pages @param {AbortSignal} signal @param {(text: string) => void} onRetry */
  const show = async (pages, signal, onRetry) => {
    const query = new URLSearchParams({
      after: String(pages.at(-1) ?? 0),
      limit: String(PAGE_SIZE),
      ...(q !== '' && { q }),
    });
    const path = `${couponPath(seller, name)}/holders?${query}`;
    const { body } = await untilAnswered(() => send('GET', path, { signal }), { signal, onRetry });
    signal.throwIfAborted();
    starts = pages;
    next = body.next;
    byId('holders').replaceChildren(...body.data.map(rowOf));
    byId('holders-result').hidden = false;
    const found = body.data.length === 0 ? (q === '' ? 'No winners yet.' : 'No winner has such a name.') : '';
    const late =
      body.behind === 0 ? '' : `The newest ${formatCount(body.behind)} events are still on their way to MySQL.`;
    setText(byId('holders-note'), [found, late].filter((text) => text !== '').join(' '));
    byId('holders-pages').hidden = starts.length === 1 && next === undefined;
    byId('holders-previous').setAttribute('aria-disabled', String(starts.length === 1));
    byId('holders-next').setAttribute('aria-disabled', String(next === undefined));
  };
  const search = openForm('holders-form', 'holders-message', async (fields, { signal, onRetry }) => {
    q = fields.q ?? '';
    await show([0], AbortSignal.any([signal, ofCoupon.signal]), onRetry);
  });

  /** @param {number[]} pages */
  const turnTo = async (pages) => {
    const { signal } = ofCoupon;
    const message = byId('holders-message');
    try {
      await show(pages, signal, (text) => setText(message, text));
      setText(message, '');
      byId('holders-title').focus({ preventScroll: true });
    } catch (error) {
      if (!signal.aborted) setText(message, messageOf(error));
    }
  };
  byId('holders-previous').addEventListener('click', () => {
    if (starts.length > 1) void turnTo(starts.slice(0, -1));
  });
  byId('holders-next').addEventListener('click', () => {
    if (next !== undefined) void turnTo([...starts, next]);
  });

  byId('holders-csv').addEventListener('click', async () => {
    const { signal } = ofCoupon;
    const message = byId('holders-message');
    const query = q === '' ? '' : `?${new URLSearchParams({ q })}`;
    const path = `${couponPath(seller, name)}/holders${query}`;
    try {
      const onRetry = (/** @type {string} */ text) => setText(message, text);
      const { blob, fileName } = await untilAnswered(() => download(path, 'text/csv', signal), { signal, onRetry });
      setText(message, '');
      const href = URL.createObjectURL(blob);
      create('a', { href, download: fileName }).click();
      // The browser has begun to save by then.
      setTimeout(() => URL.revokeObjectURL(href), 60_000);
    } catch (error) {
      if (!signal.aborted) setText(message, messageOf(error));
    }
  });

  const clear = () => {
    ofCoupon.abort();
    ofCoupon = new AbortController();
    search.reset();
    q = '';
    byId('holders').replaceChildren();
    byId('holders-result').hidden = true;
  };
  return {
    /** @param {string} username @param {string} coupon the one that the board shows */
    select(username, coupon) {
      if (seller === username && name === coupon) return;
      clear();
      seller = username;
      name = coupon;
    },
    stop() {
      clear();
      seller = '';
      name = '';
    },
  };
}
