import { announce } from '../announce.js';
import { create, formatCount, formatCountdown, formatDateTime, setBar, setText } from '../dom.js';
import { messageOf } from '../server/api.js';
import { serverNow, whenServerReaches } from '../server/clock.js';
import { grab } from './grab.js';

/** @typedef {import('../../src/live/figures.ts').LiveCoupon['status']} Status */
/** @typedef {Pick<import('../server/api.js').Offer, 'left' | 'amount' | 'stock' | 'status' | 'startsAt' | 'endsAt' | 'perCustomer'>} Sale */

/** Sales that are over, unless the seller adds pieces or changes the window. @type {ReadonlySet<Status>} */
const overStatuses = new Set(['sold-out', 'ended', 'closed']);

/** The status that the server would answer now. @param {Sale} sale @returns {Status} */
function statusOf({ status, left, startsAt, endsAt }) {
  const now = serverNow();
  if (status === 'closed' || status === 'ended') return status;
  if (endsAt !== null && now >= endsAt) return 'ended';
  if (startsAt !== null && now < startsAt) return 'scheduled';
  if (status === 'paused') return 'paused';
  return left === 0 ? 'sold-out' : 'on-sale';
}

/**
 * One coupon that a seller offers, with the button that grabs it.
 * @param {import('../server/api.js').Offer} coupon
 * @param {string} seller
 * @param {{ signal: AbortSignal, pageSignal: AbortSignal, onGrabbed: () => Promise<void>, onWindow: () => void }} options `signal` ends a grab
 *   that is under way, `pageSignal` the timers; `onWindow` is called when the sale starts or ends
 */
export function createOffer(coupon, seller, { signal, pageSignal, onGrabbed, onWindow }) {
  const { name } = coupon;
  const count = create('span');
  const faceValue = create('span');
  const limit = create('span');
  const bar = create('span', { class: 'bar', 'aria-hidden': 'true' }, create('span'));
  const countdown = create('p', { class: 'countdown' });
  const outcome = create('p', { class: 'outcome' });
  const button = create('button', { type: 'button', class: 'primary', 'aria-label': `Grab ${name}` }, 'Grab');
  const body = create(
    'div',
    { class: 'card offer' },
    create('h4', {}, name),
    create('p', { class: 'about' }, coupon.description),
    bar,
    create('p', { class: 'counts hint' }, count, faceValue, limit),
    countdown,
    outcome,
    button,
  );
  /** @type {Sale} */
  let sale = coupon;
  let busy = false;
  let owned = 0;
  /** The server has answered that the customer has all that one customer may have. */
  let wasRefusedAsOwned = false;
  let timers = new AbortController();

  const isFull = () => wasRefusedAsOwned || owned >= sale.perCustomer;
  const showCountdown = () => {
    const { startsAt } = sale;
    const isScheduled = startsAt !== null && statusOf(sale) === 'scheduled';
    setText(
      countdown,
      isScheduled ? `Starts in ${formatCountdown(startsAt - serverNow())} · ${formatDateTime(startsAt)}` : '',
    );
  };
  const show = () => {
    const { left, amount, stock, perCustomer } = sale;
    const status = statusOf(sale);
    const rest = `${formatCount(left)} of ${formatCount(amount)} left`;
    const texts = { 'sold-out': 'sold out', ended: 'ended', closed: 'closed', paused: `paused · ${rest}` };
    setText(count, texts[/** @type {keyof typeof texts} */ (status)] ?? rest);
    setText(faceValue, `face value ${formatCount(stock)}`);
    setText(limit, perCustomer === 1 ? '' : `${owned} of ${formatCount(perCustomer)} for you`);
    setBar(bar, left / amount);
    showCountdown();
    button.className = isFull() || status !== 'on-sale' ? 'quiet' : 'primary';
    // Not `disabled`, because that would take the keyboard focus away from the button.
    button.setAttribute('aria-disabled', String(isFull() || status === 'scheduled'));
    const label = isFull()
      ? `${name} is yours`
      : status === 'scheduled'
        ? `Grab ${name}: not started yet`
        : `Grab ${name}`;
    button.setAttribute('aria-label', label);
    setText(button, isFull() ? 'Yours' : 'Grab');
  };
  /** @param {'grabbed' | 'refused' | 'waiting'} kind @param {string} text */
  const showOutcome = (kind, text) => {
    outcome.dataset.outcome = kind;
    setText(outcome, text);
  };

  /** At the limits of the window the page changes by itself: the server does not have to say so. */
  const awaitWindow = () => {
    timers.abort();
    timers = new AbortController();
    const ends = AbortSignal.any([timers.signal, pageSignal]);
    for (const [time, text] of /** @type {const} */ ([
      [sale.startsAt, 'is on sale now.'],
      [sale.endsAt, 'has ended.'],
    ])) {
      if (time === null || time <= serverNow()) continue;
      whenServerReaches(time, ends, () => {
        show();
        if (outcome.dataset.outcome !== 'grabbed') showOutcome('waiting', '');
        announce(`${name} ${text}`);
        onWindow();
      });
    }
  };

  button.addEventListener('click', async () => {
    if (statusOf(sale) === 'scheduled') return announce(`${name}: ${countdown.textContent}`);
    if (busy || isFull()) return;
    busy = true;
    showOutcome('waiting', 'Grabbing …');
    try {
      const onRetry = () => showOutcome('waiting', 'No answer yet, retrying …');
      const result = await grab(seller, name, { signal, onRetry });
      showOutcome(result.outcome, result.text);
      announce(`${name}: ${result.text}`);
      if (result.outcome !== 'grabbed') return;
      if (result.name === 'already-grabbed') wasRefusedAsOwned = true;
      else owned++;
      show();
      await onGrabbed();
    } catch (error) {
      if (signal.aborted) return;
      showOutcome('waiting', messageOf(error));
      announce(`${name}: ${messageOf(error)}`);
    } finally {
      busy = false;
    }
  });
  show();
  awaitWindow();
  return {
    name,
    item: create('li', {}, body),
    /** @param {Sale} next */
    setSale(next) {
      const hasOtherWindow = next.startsAt !== sale.startsAt || next.endsAt !== sale.endsAt;
      sale = next;
      show();
      if (hasOtherWindow) awaitWindow();
    },
    /** The pieces that the customer has. @param {number} pieces */
    setOwned(pieces) {
      if (pieces < owned) wasRefusedAsOwned = false;
      owned = pieces;
      show();
    },
    /** Called each second. */
    showCountdown,
    isOver: () => overStatuses.has(statusOf(sale)),
  };
}
