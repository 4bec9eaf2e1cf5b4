import { byId, create, formatCount, formatDateTime, setText } from '../dom.js';
import { couponPath, isTemporary, send } from '../server/api.js';
import { untilAnswered } from '../server/retry.js';

/** @typedef {import('../../src/queries/listHistory.ts').HistoryEvent} HistoryEvent */
/** @typedef {import('../../src/live/figures.ts').LiveCoupon} LiveCoupon */
/** @typedef {{ type: HistoryEvent['type'], at: number, text: string }} Mark `at` in milliseconds since 1970 */

const PAGE_SIZE = 1_000;
/** Older events are not read: most of a large sale are grabs, which the chart counts. */
const MAX_EVENTS = 5_000;
/** MySQL follows within this time, unless it is far behind. */
const REREAD_MS = 1_000;

/** What a seller has changed, in words; undefined for events of customers. @param {HistoryEvent} event */
function textOf({ type, added = 0, amount = 0 }) {
  switch (type) {
    case 'CouponCreated':
      return `created with ${formatCount(amount)} pieces`;
    case 'CouponRestocked':
      return `restocked by ${formatCount(added)} to ${formatCount(amount)}`;
    case 'CouponPaused':
      return 'paused';
    case 'CouponResumed':
      return 'resumed';
    case 'CouponClosed':
      return 'closed';
    case 'TermsChanged':
      return 'new terms';
    default:
      return undefined;
  }
}

/**
 * The changes of the shown coupon from its history in MySQL, as a list. `onMarks` gets them for the chart.
 * @param {(marks: readonly Mark[]) => void} onMarks
 */
export function openHistory(onMarks) {
  let seller = '';
  let shown = '';
  /** Changes when the seller has changed the coupon. */
  let state = '';
  let readUpTo = 0;
  /** @type {Mark[]} */
  let marks = [];
  let stop = new AbortController();

  const draw = () => {
    const items = marks.map(({ at, text }) =>
      create('li', {}, create('time', { datetime: new Date(at).toISOString() }, formatDateTime(at)), ` ${text}`),
    );
    byId('marks').replaceChildren(...items);
    byId('marks-title').hidden = marks.length === 0;
    // The sale begins with the creation: no change to look for in the chart.
    onMarks(marks.filter(({ type }) => type !== 'CouponCreated'));
  };

  /** Reads the events after those that have been read. */
  const read = async () => {
    stop.abort();
    stop = new AbortController();
    const { signal } = stop;
    const page = async (/** @type {number} */ after, /** @type {number} */ limit) => {
      const path = `${couponPath(seller, shown)}/history?${new URLSearchParams({ after: String(after), limit: String(limit) })}`;
      const onRetry = (/** @type {string} */ text) => setText(byId('marks-message'), text);
      const { body } = await untilAnswered(() => send('GET', path, { signal }), { signal, onRetry });
      return body;
    };
    try {
      const { version } = await page(readUpTo, 1);
      readUpTo = Math.max(readUpTo, version - MAX_EVENTS);
      for (;;) {
        const { data, next, version: complete, behind } = await page(readUpTo, PAGE_SIZE);
        if (signal.aborted) return;
        for (const event of /** @type {HistoryEvent[]} */ (data)) {
          const text = textOf(event);
          if (text !== undefined) marks.push({ type: event.type, at: Date.parse(event.at), text });
        }
        readUpTo = next ?? complete;
        if (next !== undefined) continue;
        setText(byId('marks-message'), '');
        draw();
        if (behind > 0) setTimeout(() => signal.aborted || void read(), REREAD_MS);
        return;
      }
    } catch (error) {
      // The board shows that the coupon is gone, or the log-in is asked for.
      if (!signal.aborted && isTemporary(error)) throw error;
    }
  };

  return {
    /** @param {string} username @param {LiveCoupon} coupon the one that the board shows */
    show(username, { name, amount, phase, stock, startsAt, endsAt }) {
      const isOther = seller !== username || shown !== name;
      const newState = JSON.stringify([amount, phase, stock, startsAt, endsAt]);
      if (!isOther && newState === state) return;
      state = newState;
      if (isOther) {
        seller = username;
        shown = name;
        readUpTo = 0;
        marks = [];
        draw();
      }
      void read();
    },
    stop() {
      stop.abort();
      seller = '';
      shown = '';
      marks = [];
      setText(byId('marks-message'), '');
      draw();
    },
  };
}
