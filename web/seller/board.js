import { announce } from '../announce.js';
import { byId, create, formatCount, formatMs, formatSeconds, formatTime, setBar, setNumber, setText } from '../dom.js';
import { statusTexts } from '../messages.js';
import { openCharts } from './charts.js';
import { openSale } from './sale.js';

/** @typedef {import('../../src/live/figures.ts').LiveCoupon} LiveCoupon */
/** @typedef {import('../../src/live/figures.ts').LiveFigures} Figures */

/** A coupon is almost sold out from this share of its pieces on. */
const LOW_SHARE = 0.1;
/** Shares of the pieces at which screen readers get an announcement. */
const ANNOUNCED_SHARES = [0.5, 0.25, LOW_SHARE];

/** @param {Record<string, number>} counts */
const sumOf = (counts) => Object.values(counts).reduce((sum, count) => sum + count, 0);

/** Longer than the longest interval between two events: listeners of a large audience get one every four seconds. */
const IDLE_MS = 5_000;

const outcomes = /** @type {const} */ ([
  ['grabbed', 'grabbed (stored)', 'grabbed'],
  ['soldOut', 'refused: sold out', 'refused'],
  ['alreadyGrabbed', 'refused: already grabbed', 'refused'],
  ['unknown', 'outcome unknown (503)', 'unknown'],
  ['notStarted', 'refused: not started', 'refused'],
  ['paused', 'refused: paused', 'refused'],
  ['ended', 'refused: ended', 'refused'],
  ['closed', 'refused: closed', 'refused'],
]);

/** These rows are shown once they have a count: most sales never have one. */
const rareOutcomes = new Set(['notStarted', 'paused', 'ended', 'closed']);

/** Shows one coupon as it sells. */
export function openBoard() {
  const charts = openCharts();
  const sale = openSale();
  /** @type {Map<string, { count: HTMLElement, bar: HTMLElement }>} */
  const rows = new Map();
  for (const [key, label, kind] of outcomes) {
    const count = create('dd', {}, '0');
    const bar = create('span', { class: 'bar', 'aria-hidden': 'true' }, create('span'));
    byId('outcomes').append(create('div', { 'data-kind': kind }, create('dt', {}, label), count, bar));
    rows.set(key, { count, bar });
  }
  /** @type {LiveCoupon | undefined} */
  let shown;
  let openedAt = 0;
  let previous = { at: 0, tries: 0, grabs: 0 };

  /** All attempts that were counted; one that repeats a grab with the same key is an attempt too. @param {LiveCoupon} coupon */
  const totalOf = ({ tries }) => sumOf(tries);

  /** @param {LiveCoupon} coupon @param {number} at */
  const draw = (coupon, at) => {
    const seconds = (at - previous.at) / 1_000;
    if (seconds <= 0) return;
    const [tries, grabs] = [totalOf(coupon), coupon.grabbed];
    const perSecond = { tries: (tries - previous.tries) / seconds, grabs: (grabs - previous.grabs) / seconds };
    previous = { at, tries, grabs };
    charts.add({ at: Math.round((at - openedAt) / 10) / 100, left: coupon.left, ...perSecond });
    charts.describe(
      `${coupon.left} of ${coupon.amount} left`,
      `${formatCount(perSecond.tries)} attempts and ${formatCount(perSecond.grabs)} grabs per second`,
    );
    setText(byId('board-rate'), formatCount(perSecond.grabs));
  };

  /** @param {LiveCoupon} coupon */
  const announceShare = (coupon) => {
    if (shown === undefined || shown.name !== coupon.name || shown.left <= coupon.left) return;
    if (coupon.left === 0) return announce(`${coupon.name} is sold out.`);
    const before = shown.left / coupon.amount;
    const passed = ANNOUNCED_SHARES.some((share) => before > share && coupon.left / coupon.amount <= share);
    if (passed) announce(`${coupon.name}: ${coupon.left} of ${coupon.amount} left.`);
  };

  /** @param {LiveCoupon} coupon */
  const showTicket = (coupon) => {
    const share = coupon.left / coupon.amount;
    const isSoldOut = coupon.left === 0;
    const isOver = coupon.status === 'ended' || coupon.status === 'closed';
    const isLow = coupon.status === 'on-sale' && !isSoldOut && share <= LOW_SHARE;
    setText(byId('board-name'), coupon.name);
    setNumber(byId('board-left'), coupon.left);
    setNumber(byId('board-amount'), coupon.amount);
    setNumber(byId('board-stock'), coupon.stock);
    setText(byId('board-status'), isLow ? 'almost sold out' : statusTexts[coupon.status]);
    const { dataset } = byId('ticket');
    dataset.soldOut = isSoldOut || isOver ? 'yes' : 'no';
    dataset.waiting = coupon.status === 'scheduled' || coupon.status === 'paused' ? 'yes' : 'no';
    dataset.low = isLow ? 'yes' : 'no';
    setBar(byId('board-bar'), share);
    byId('board-bar').setAttribute('aria-label', `${coupon.left} of ${coupon.amount} left`);
    document.title = `${isSoldOut ? 'sold out' : `${coupon.left} left`} · ${coupon.name} · seckill`;
  };

  /** @param {LiveCoupon} coupon */
  const showOutcomes = (coupon) => {
    // The number of grabs comes from events. The answers to attempts include repeats of the same grab.
    const counts = { ...coupon.tries, grabbed: coupon.grabbed };
    const total = Math.max(1, sumOf(counts));
    for (const [key] of outcomes) {
      const row = rows.get(key);
      if (row === undefined) continue;
      const { parentElement } = row.count;
      if (parentElement !== null) parentElement.hidden = rareOutcomes.has(key) && counts[key] === 0;
      setText(row.count, formatCount(counts[key]));
      setBar(row.bar, counts[key] / total);
    }
    setText(byId('attempts'), formatCount(totalOf(coupon)));
    setText(byId('p50'), coupon.latency === null ? '–' : formatMs(coupon.latency.p50));
    setText(byId('p99'), coupon.latency === null ? '–' : formatMs(coupon.latency.p99));
  };

  // Without events nothing has changed, so the charts go on with a rate of 0.
  setInterval(() => {
    const now = Date.now() - clockOffset;
    if (shown !== undefined && now - previous.at > IDLE_MS) draw(shown, now);
  }, 1_000);
  let clockOffset = 0;

  return {
    showMarks: sale.showMarks,
    /** @param {LiveCoupon} coupon @param {number} at clock of the server in milliseconds */
    show(coupon, at) {
      clockOffset = Date.now() - at;
      if (shown?.name !== coupon.name) {
        charts.clear();
        openedAt = at;
        previous = { at: at - 1, tries: totalOf(coupon), grabs: coupon.grabbed };
      }
      // After a reconnect to another process the counts can be lower.
      if (totalOf(coupon) < previous.tries) previous = { ...previous, tries: totalOf(coupon) };
      announceShare(coupon);
      showTicket(coupon);
      showOutcomes(coupon);
      sale.show(coupon);
      draw(coupon, at);
      shown = structuredClone(coupon);
    },
    /** @param {number} since */
    countedSince(since) {
      setText(byId('outcomes-since'), formatTime(since));
    },
    /** @param {Figures} figures */
    showSystem({ outbox, durable }) {
      byId('durable').dataset.durable = durable ? 'yes' : 'no';
      setText(byId('durable-state'), durable ? 'yes' : 'catching up');
      setText(
        byId('durable-detail'),
        durable
          ? 'all grabs so far are in the event log'
          : outbox.entries === 0
            ? 'the newest grabs are being written'
            : `${formatCount(outbox.entries)} outbox ${outbox.entries === 1 ? 'entry' : 'entries'} waiting, the oldest for ${formatSeconds(outbox.oldestMs)}`,
      );
      setText(byId('outbox-entries'), formatCount(outbox.entries));
      setText(byId('outbox-age'), outbox.entries === 0 ? '0 s' : formatSeconds(outbox.oldestMs));
    },
  };
}
