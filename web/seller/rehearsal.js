import { announce } from '../announce.js';
import { byId, formatCount, setText } from '../dom.js';
import { openForm } from '../forms.js';
import { send } from '../server/api.js';
import { untilAnswered } from '../server/retry.js';

/** @typedef {import('../../src/live/figures.ts').LiveFigures['rehearsal']} Progress */

/** The form that starts a rehearsal, and its progress. */
export function openRehearsal() {
  const button = byId('rehearsal-start', HTMLButtonElement);
  let selectedCoupon = '';
  let running = false;

  const start = openForm('rehearsal-form', 'rehearsal-message', async (fields, { signal, onRetry }) => {
    if (running || selectedCoupon === '') return;
    const json = { coupon: selectedCoupon, ...fields };
    await untilAnswered(() => send('POST', '/api/rehearsals', { json, signal }), { signal, onRetry });
    announce('Rehearsal started.');
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
    reset() {
      start.reset();
      selectedCoupon = '';
      running = false;
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
        `${formatCount(refused)} were refused${unknown > 0 ? `, ${formatCount(unknown)} without an answer` : ''}.`;
      setText(byId('rehearsal-text'), text);
      if (wasRunning && !running) announce(`Rehearsal finished. ${text}`);
    },
  };
}
