import { announce } from '../announce.js';
import { byId, create, formatDateTime, setText } from '../dom.js';
import { ApiError, messageOf } from '../server/api.js';
import { sendCommand } from '../server/command.js';

/** Older results leave the page. */
const MAX_RESULTS = 20;

/** @param {string} seller */
const redemptionsPath = (seller) => `/api/users/${encodeURIComponent(seller)}/redemptions`;
/** @param {string} iso */
const dateTime = (iso) => formatDateTime(Date.parse(iso));

/** @param {unknown} error */
function textOf(error) {
  const redeemedAt = error instanceof ApiError ? error.body?.redeemedAt : undefined;
  return redeemedAt === undefined ? messageOf(error) : `Redeemed before, on ${dateTime(redeemedAt)}.`;
}

/**
 * The page of the till: codes are typed, pasted or scanned, one after the other. A scanner types a code and sends Enter, and does not wait
 * for the answer before, so each code has a result of its own.
 */
export function openTill() {
  const input = byId('till-code', HTMLInputElement);
  const results = byId('till-results');
  let seller = '';
  let ofSeller = new AbortController();

  /** @param {string} typed */
  const redeem = async (typed) => {
    const { signal } = ofSeller;
    const title = create('p', { class: 'verdict' }, 'Redeeming …');
    const code = create('code', {}, typed);
    const details = create('p', { class: 'hint' });
    const undo = create('button', { type: 'button', class: 'quiet' }, 'Undo');
    undo.hidden = true;
    const item = create('li', { class: 'card' }, title, create('p', {}, code), details, undo);
    results.prepend(item);
    while (results.childElementCount > MAX_RESULTS) results.lastElementChild?.remove();
    byId('till-empty').hidden = true;

    /** @param {'good' | 'refused' | 'waiting'} state @param {string} text */
    const show = (state, text) => {
      item.dataset.state = state;
      setText(title, text);
    };
    /** @param {string} text */
    const onRetry = (text) => show('waiting', text);
    show('waiting', 'Redeeming …');

    undo.addEventListener('click', async () => {
      undo.hidden = true;
      input.focus();
      show('waiting', 'Undoing …');
      try {
        const path = `${redemptionsPath(seller)}/${encodeURIComponent(code.textContent ?? '')}`;
        await sendCommand('DELETE', path, { signal, onRetry });
        show('refused', 'Undone: the code is good again');
        announce(`Undone: ${code.textContent} is good again.`);
      } catch (error) {
        if (signal.aborted) return;
        show('refused', textOf(error));
        announce(textOf(error));
      }
    });

    try {
      const { body } = await sendCommand('POST', redemptionsPath(seller), { json: { code: typed }, signal, onRetry });
      const { data } = body;
      setText(code, data.code);
      setText(details, `${data.customer} grabbed it on ${dateTime(data.grabbedAt)}.`);
      undo.setAttribute('aria-label', `Undo ${data.code}`);
      undo.hidden = false;
      show('good', `Redeemed: ${data.coupon}`);
      announce(`Redeemed: ${data.coupon}, ${data.customer}.`);
    } catch (error) {
      if (signal.aborted) return;
      show('refused', textOf(error));
      announce(textOf(error));
      // A mistyped code can be corrected, unless the next one is being typed.
      if (error instanceof ApiError && error.status === 400 && input.value === '') {
        input.value = typed;
        input.select();
      }
    }
  };

  byId('till-form', HTMLFormElement).addEventListener('submit', (event) => {
    event.preventDefault();
    const typed = input.value.trim();
    input.value = '';
    input.focus();
    if (typed !== '') void redeem(typed);
    else announce('Please type or scan a code.');
  });

  return {
    /** @param {string} username */
    start(username) {
      seller = username;
      ofSeller = new AbortController();
    },
    focus: () => input.focus(),
    stop() {
      ofSeller.abort();
      input.value = '';
      results.replaceChildren();
      byId('till-empty').hidden = false;
    },
  };
}
