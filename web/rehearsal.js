import { announce } from './announce.js';
import { messageOf, send } from './api.js';
import { byId, fieldsOf, formatCount, setText } from './dom.js';

/** @typedef {import('../src/live/figures.ts').LiveFigures['rehearsal']} Progress */

/** The form that starts a rehearsal, and its progress. */
export function openRehearsal() {
  const form = byId('rehearsal-form', HTMLFormElement);
  const button = byId('rehearsal-start');
  let selectedCoupon = '';
  let running = false;

  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    if (running || selectedCoupon === '') return;
    setText(byId('rehearsal-message'), '');
    try {
      await send('POST', '/api/rehearsals', { json: { coupon: selectedCoupon, ...fieldsOf(form) } });
      announce('Rehearsal started.');
    } catch (error) {
      setText(byId('rehearsal-message'), messageOf(error));
    }
  });

  return {
    /** @param {string} name the coupon that the board shows */
    selectCoupon(name) {
      selectedCoupon = name;
    },
    /** @param {boolean} allowed */
    setAllowed(allowed) {
      byId('rehearsal').hidden = !allowed;
    },
    /** @param {Progress} progress */
    show(progress) {
      const isOfSelected = progress !== null && progress.coupon === selectedCoupon;
      byId('rehearsal-progress').hidden = !isOfSelected;
      const wasRunning = running;
      running = progress?.running ?? false;
      // Not `disabled`, because that would take the keyboard focus away from the button.
      button.setAttribute('aria-disabled', String(running));
      setText(button, running ? 'Rehearsal running' : 'Start rehearsal');
      if (!isOfSelected) return;
      const { customers, grabbed, refused, unknown } = progress;
      const finished = grabbed + refused + unknown;
      const bar = byId('rehearsal-bar', HTMLProgressElement);
      bar.max = customers;
      bar.value = finished;
      const text =
        `${formatCount(finished)} of ${formatCount(customers)} customers done: ${formatCount(grabbed)} got a coupon, ` +
        `${formatCount(refused)} were refused${unknown > 0 ? `, ${formatCount(unknown)} failed` : ''}.`;
      setText(byId('rehearsal-text'), text);
      if (wasRunning && !running) announce(`Rehearsal finished. ${text}`);
    },
  };
}
