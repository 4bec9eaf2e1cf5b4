import { announce } from '../announce.js';
import { messageOf } from '../api.js';
import { create, formatCount, setBar, setText } from '../dom.js';
import { grab } from './grab.js';

/**
 * One coupon that a seller offers, with the button that grabs it.
 * @param {{ name: string, stock: number, description: string }} coupon
 * @param {string} seller
 * @param {{ signal: AbortSignal, onGrabbed: () => Promise<void> }} options `signal` ends a grab that is under way
 */
export function createOffer({ name, stock, description }, seller, { signal, onGrabbed }) {
  const count = create('span');
  const bar = create('span', { class: 'bar', 'aria-hidden': 'true' }, create('span'));
  const outcome = create('p', { class: 'outcome' });
  const button = create('button', { type: 'button', class: 'primary', 'aria-label': `Grab ${name}` }, 'Grab');
  const body = create(
    'div',
    { class: 'card offer' },
    create('h4', {}, name),
    create('p', { class: 'about' }, description),
    bar,
    create('p', { class: 'counts hint' }, count, create('span', {}, `face value ${formatCount(stock)}`)),
    outcome,
    button,
  );
  let busy = false;
  let isOwned = false;
  let isSoldOut = false;

  const showButton = () => {
    button.className = isOwned || isSoldOut ? 'quiet' : 'primary';
    // Not `disabled`, because that would take the keyboard focus away from the button.
    button.setAttribute('aria-disabled', String(isOwned));
    button.setAttribute('aria-label', isOwned ? `${name} is yours` : `Grab ${name}`);
    setText(button, isOwned ? 'Yours' : 'Grab');
  };
  const setOwned = () => {
    isOwned = true;
    showButton();
  };
  /** @param {number} left @param {number} amount */
  const setLeft = (left, amount) => {
    isSoldOut = left === 0;
    setText(count, isSoldOut ? 'sold out' : `${formatCount(left)} of ${formatCount(amount)} left`);
    setBar(bar, left / amount);
    showButton();
  };
  /** @param {'grabbed' | 'refused' | 'waiting'} kind @param {string} text */
  const showOutcome = (kind, text) => {
    outcome.dataset.outcome = kind;
    setText(outcome, text);
  };

  button.addEventListener('click', async () => {
    if (busy || isOwned) return;
    busy = true;
    showOutcome('waiting', 'Grabbing …');
    try {
      const onRetry = () => showOutcome('waiting', 'No answer yet, retrying …');
      const result = await grab(seller, name, { signal, onRetry });
      showOutcome(result.outcome, result.text);
      announce(`${name}: ${result.text}`);
      if (result.outcome !== 'grabbed') return;
      setOwned();
      await onGrabbed();
    } catch (error) {
      if (signal.aborted) return;
      showOutcome('waiting', messageOf(error));
      announce(`${name}: ${messageOf(error)}`);
    } finally {
      busy = false;
    }
  });
  return { name, item: create('li', {}, body), setLeft, setOwned, isSoldOut: () => isSoldOut };
}
