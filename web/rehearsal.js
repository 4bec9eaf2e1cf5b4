import { announce } from './announce.js';
import { ApiError, send } from './api.js';
import { byId, fieldsOf, formatCount, setText } from './dom.js';

/** @typedef {import('../src/live/figures.ts').LiveFigures['rehearsal']} Progress */

/** The form that sends a crowd, and how that goes. */
export function openRehearsal() {
  const form = byId('rehearsal-form', HTMLFormElement);
  const button = byId('rehearsal-start');
  let coupon = '';
  let running = false;

  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    if (running || coupon === '') return;
    setText(byId('rehearsal-message'), '');
    try {
      await send('POST', '/api/rehearsals', { json: { coupon, ...fieldsOf(form) } });
      announce('The crowd is on its way.');
    } catch (error) {
      setText(byId('rehearsal-message'), error instanceof ApiError ? error.message : String(error));
    }
  });

  return {
    /** @param {string} name the coupon that is shown */
    aim(name) {
      coupon = name;
    },
    /** @param {boolean} allowed */
    allow(allowed) {
      byId('rehearsal').hidden = !allowed;
    },
    /** @param {Progress} progress */
    show(progress) {
      const isOfShown = progress !== null && progress.coupon === coupon;
      byId('rehearsal-progress').hidden = !isOfShown;
      const wasRunning = running;
      running = progress?.running ?? false;
      // Not `disabled`: who sits on the button with the keyboard would be thrown off it.
      button.setAttribute('aria-disabled', String(running));
      setText(button, running ? 'The crowd is here' : 'Send the crowd');
      if (!isOfShown) return;
      const { customers, grabbed, refused, unknown } = progress;
      const answered = grabbed + refused + unknown;
      const bar = byId('rehearsal-bar', HTMLProgressElement);
      bar.max = customers;
      bar.value = answered;
      const text =
        `${formatCount(answered)} of ${formatCount(customers)} customers answered: ${formatCount(grabbed)} have one, ` +
        `${formatCount(refused)} went away empty-handed${unknown > 0 ? `, ${formatCount(unknown)} got no answer` : ''}.`;
      setText(byId('rehearsal-text'), text);
      if (wasRunning && !running) announce(`The rehearsal is over. ${text}`);
    },
  };
}
