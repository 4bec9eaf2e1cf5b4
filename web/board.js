import { announce } from './announce.js';
import { openCharts } from './charts.js';
import { byId, create, formatCount, formatMs, formatSeconds, setBar, setText } from './dom.js';

/** @typedef {import('../src/live/figures.ts').LiveCoupon} LiveCoupon */
/** @typedef {import('../src/live/figures.ts').LiveFigures} Figures */

/** A share of the pieces that is worth a word to who does not see the number, and from the last of which on it is nearly over. */
const MILESTONES = [0.5, 0.25, 0.1];

const QUIET_MS = 5_000;

const answers = /** @type {const} */ ([
  ['grabbed', 'grabbed', 'grabbed'],
  ['soldOut', 'refused: sold out', 'refused'],
  ['alreadyGrabbed', 'refused: has one already', 'refused'],
  ['unknown', 'not answered (503)', 'unknown'],
]);

/** One coupon as it sells. */
export function openBoard() {
  const charts = openCharts();
  /** @type {Map<string, { count: HTMLElement, bar: HTMLElement }>} */
  const rows = new Map();
  for (const [key, label, kind] of answers) {
    const count = create('dd', {}, '0');
    const bar = create('span', { class: 'bar', 'aria-hidden': 'true' }, create('span'));
    byId('answers').append(create('div', { 'data-kind': kind }, create('dt', {}, label), count, bar));
    rows.set(key, { count, bar });
  }
  /** @type {LiveCoupon | undefined} */
  let shown;
  let openedAt = 0;
  let before = { at: 0, tries: 0, grabs: 0 };

  /** @param {LiveCoupon} coupon */
  const sum = ({ tries }) => tries.grabbed + tries.soldOut + tries.alreadyGrabbed + tries.unknown;

  /** @param {LiveCoupon} coupon @param {number} at */
  const draw = (coupon, at) => {
    const seconds = (at - before.at) / 1_000;
    if (seconds <= 0) return;
    const [tries, grabs] = [sum(coupon), coupon.tries.grabbed];
    const perSecond = { tries: (tries - before.tries) / seconds, grabs: (grabs - before.grabs) / seconds };
    before = { at, tries, grabs };
    charts.add({ at: Math.round((at - openedAt) / 10) / 100, left: coupon.left, ...perSecond });
    charts.describe(
      `${coupon.left} of ${coupon.amount} left`,
      `${formatCount(perSecond.tries)} tries and ${formatCount(perSecond.grabs)} grabs a second`,
    );
    setText(byId('board-rate'), formatCount(perSecond.grabs));
  };

  /** @param {LiveCoupon} coupon */
  const sayMilestones = (coupon) => {
    if (shown === undefined || shown.name !== coupon.name || shown.left <= coupon.left) return;
    if (coupon.left === 0) return announce(`${coupon.name} is sold out.`);
    const was = shown.left / coupon.amount;
    const passed = MILESTONES.some((share) => was > share && coupon.left / coupon.amount <= share);
    if (passed) announce(`${coupon.name}: ${coupon.left} of ${coupon.amount} left.`);
  };

  /** @param {LiveCoupon} coupon */
  const showTicket = (coupon) => {
    const share = coupon.left / coupon.amount;
    const isSoldOut = coupon.left === 0;
    const isLow = !isSoldOut && share <= 0.1;
    setText(byId('board-name'), coupon.name);
    setText(byId('board-left'), formatCount(coupon.left));
    setText(byId('board-amount'), formatCount(coupon.amount));
    setText(byId('board-stock'), formatCount(coupon.stock));
    setText(byId('board-status'), isSoldOut ? 'sold out' : isLow ? 'nearly gone' : 'on sale');
    const { dataset } = byId('ticket');
    dataset.soldOut = isSoldOut ? 'yes' : 'no';
    dataset.low = isLow ? 'yes' : 'no';
    setBar(byId('board-drain'), share);
    byId('board-drain').setAttribute('aria-label', `${coupon.left} of ${coupon.amount} left`);
    document.title = `${isSoldOut ? 'sold out' : `${coupon.left} left`} · ${coupon.name} · seckill`;
  };

  /** @param {LiveCoupon} coupon */
  const showAnswers = (coupon) => {
    const total = Math.max(1, sum(coupon));
    for (const [key] of answers) {
      const row = rows.get(key);
      if (row === undefined) continue;
      setText(row.count, formatCount(coupon.tries[key]));
      setBar(row.bar, coupon.tries[key] / total);
    }
    setText(byId('p50'), coupon.latency === null ? '–' : formatMs(coupon.latency.p50));
    setText(byId('p99'), coupon.latency === null ? '–' : formatMs(coupon.latency.p99));
  };

  // When nothing comes for longer than the longest tick (a large audience is told every few seconds), nothing was sold.
  setInterval(() => {
    const now = Date.now() - clockOffset;
    if (shown !== undefined && now - before.at > QUIET_MS) draw(shown, now);
  }, 1_000);
  let clockOffset = 0;

  return {
    /** @param {LiveCoupon} coupon @param {number} at milliseconds on the clock of the server */
    show(coupon, at) {
      clockOffset = Date.now() - at;
      if (shown?.name !== coupon.name) {
        charts.clear();
        openedAt = at;
        before = { at: at - 1, tries: sum(coupon), grabs: coupon.tries.grabbed };
      }
      // The counts begin again with another process.
      if (sum(coupon) < before.tries) before = { ...before, tries: sum(coupon), grabs: coupon.tries.grabbed };
      sayMilestones(coupon);
      showTicket(coupon);
      showAnswers(coupon);
      draw(coupon, at);
      shown = structuredClone(coupon);
    },
    /** @param {number} since */
    countedSince(since) {
      setText(byId('answers-since'), `since ${new Date(since).toLocaleTimeString('en', { hour12: false })}`);
    },
    /** @param {Figures} figures */
    showSystem({ outbox, durable }) {
      byId('durable').dataset.durable = durable ? 'yes' : 'no';
      setText(byId('durable-answer'), durable ? 'yes' : 'catching up');
      setText(
        byId('durable-detail'),
        durable
          ? 'everything sold so far is in the event log'
          : `${formatCount(outbox.entries)} outbox ${outbox.entries === 1 ? 'entry' : 'entries'}, oldest ${formatSeconds(outbox.oldestMs)}`,
      );
      setText(byId('outbox-entries'), formatCount(outbox.entries));
      setText(byId('outbox-age'), outbox.entries === 0 ? '0 s' : formatSeconds(outbox.oldestMs));
    },
  };
}
