import { announce } from '../announce.js';
import { confirmAction } from '../confirm.js';
import { create, formatCount, formatDateTime, setText } from '../dom.js';
import { qrCode } from '../qrCode.js';
import { couponsPath, messageOf } from '../server/api.js';
import { sendCommand } from '../server/command.js';

/** @typedef {import('../../src/queries/listCustomerCoupons.ts').CustomerCoupon} OwnedCoupon */

/** @param {string | undefined} time */
const dateTime = (time) => (time === undefined ? '' : formatDateTime(Date.parse(time)));

/** When the code is good; empty without a limit. @param {OwnedCoupon} coupon */
function validityOf({ validFrom, validUntil }) {
  const from = validFrom === undefined ? '' : ` from ${dateTime(validFrom)}`;
  const until = validUntil === undefined ? '' : ` until ${dateTime(validUntil)}`;
  return from + until === '' ? '' : `valid${from}${until}`;
}

/**
 * One piece that the customer has, with its code as text and as a QR code, and a button that gives it back.
 * @param {OwnedCoupon} first
 * @param {{ customer: string, signal: AbortSignal, onReleased: () => Promise<void> }} options `signal` ends a request that is under way
 */
export function createPiece(first, { customer, signal, onReleased }) {
  const { name, seller, code, grabbedAt } = first;
  let coupon = first;
  const stock = create('b');
  const description = create('p', { class: 'hint' });
  const validity = create('p', { class: 'hint' });
  const redeemed = create('p', { class: 'redeemed' });
  const message = create('p', { class: 'hint', role: 'status' });
  const qr = create('div', { class: 'qr', role: 'img', 'aria-label': `The code of ${name} as a QR code` });
  qr.hidden = true;
  const opener = create('button', { type: 'button', class: 'quiet', 'aria-expanded': 'false' }, 'Show QR code');
  opener.setAttribute('aria-label', `Show QR code of ${name}`);
  const release = create('button', { type: 'button', class: 'quiet', 'aria-label': `Give back ${name}` }, 'Give back');
  const actions = create('div', { class: 'actions' }, ...(code === undefined ? [] : [opener]), release);
  const item = create(
    'li',
    { tabindex: '-1' },
    create('h3', {}, name),
    stock,
    create('p', { class: 'hint from' }, `from ${seller} · ${dateTime(grabbedAt)}`),
    description,
    ...(code === undefined ? [] : [create('p', { class: 'code' }, 'Code ', create('code', {}, code))]),
    validity,
    redeemed,
    qr,
    actions,
    message,
  );

  const show = () => {
    setText(stock, formatCount(coupon.stock));
    setText(description, coupon.description);
    setText(validity, validityOf(coupon));
    const isRedeemed = coupon.redeemedAt !== undefined;
    setText(redeemed, isRedeemed ? `Redeemed on ${dateTime(coupon.redeemedAt)}` : '');
    item.dataset.redeemed = isRedeemed ? 'yes' : 'no';
    if (isRedeemed && !qr.hidden) {
      toggle(false);
      announce(`${name} is redeemed.`);
    }
    if (isRedeemed && actions.contains(document.activeElement)) item.focus();
    actions.hidden = isRedeemed;
  };
  /** @param {boolean} isShown */
  const toggle = (isShown) => {
    if (isShown && qr.firstChild === null && code !== undefined) qr.append(qrCode(code));
    qr.hidden = !isShown;
    opener.setAttribute('aria-expanded', String(isShown));
    setText(opener, isShown ? 'Hide QR code' : 'Show QR code');
    opener.setAttribute('aria-label', `${isShown ? 'Hide' : 'Show'} QR code of ${name}`);
  };
  opener.addEventListener('click', () => {
    toggle(Boolean(qr.hidden));
  });

  let busy = false;
  release.addEventListener('click', async () => {
    if (busy) return;
    busy = true;
    try {
      const isSure = await confirmAction({
        title: `Give ${name} back?`,
        text: 'The code stops working, and another customer can grab this piece. You may not get it again.',
        action: 'Give back',
      });
      if (!isSure || signal.aborted) return;
      setText(message, 'Giving back …');
      const query = code === undefined ? '' : `?${new URLSearchParams({ code })}`;
      const path = `${couponsPath(customer)}/${encodeURIComponent(seller)}/${encodeURIComponent(name)}${query}`;
      await sendCommand('DELETE', path, { signal, onRetry: (text) => setText(message, text) });
      setText(message, '');
      announce(`You have given ${name} back.`);
      await onReleased();
    } catch (error) {
      if (signal.aborted) return;
      setText(message, messageOf(error));
      announce(messageOf(error));
    } finally {
      busy = false;
    }
  });
  show();
  return {
    item,
    isOpen: () => !qr.hidden,
    /** @param {OwnedCoupon} next the same piece as it is now */
    update(next) {
      coupon = next;
      show();
    },
  };
}
