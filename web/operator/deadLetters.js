import { byId, create, formatCount, formatDateTime, setText } from '../dom.js';
import { confirmAct } from './act.js';
import { ask } from './requests.js';
import { createRows } from './rows.js';

/** @typedef {import('../../src/http/operators/operatorReplies.ts').ListedLetter} Letter */

const PAGE = 20;
/** More pages would be read again every other second. */
const MAX_PAGES = 5;

/** The oldest dead letters, each with a button that puts it back. */
export function openDeadLetters() {
  let pages = 1;
  let count = 0;
  const rows = createRows(byId('letters'), {
    keyOf: (/** @type {Letter} */ { partition, id }) => `${partition}/${id}`,
    make(latest) {
      const title = create('h3');
      const reason = create('p', { class: 'reason' });
      const events = create('ul', { class: 'findings' });
      const button = create('button', { type: 'button', class: 'quiet' }, 'Put back');
      button.addEventListener('click', () => confirmPutBack(latest()));
      return {
        element: create('li', {}, title, reason, events, button),
        update(letter) {
          setText(title, titleOf(letter));
          setText(reason, letter.reason);
          button.setAttribute('aria-label', `Put back: ${titleOf(letter)}`);
          const shown = letter.events.map(textOf);
          if (letter.count !== null && letter.count > shown.length)
            shown.push(`and ${formatCount(letter.count - shown.length)} more events`);
          events.replaceChildren(...shown.map((text) => create('li', {}, text)));
        },
      };
    },
  });
  byId('letters-more').addEventListener('click', () => {
    pages = Math.min(MAX_PAGES, pages + 1);
    void read(new AbortController().signal).catch(() => {});
  });

  const read = async (/** @type {AbortSignal} */ signal) => {
    /** @type {Letter[]} */
    const letters = [];
    let after = '';
    for (let page = 0; page < pages; page++) {
      const query = new URLSearchParams({ limit: String(PAGE), after });
      const body = await ask('GET', `dead-letters?${query}`, { signal });
      letters.push(...body.data);
      after = body.next ?? '';
      if (after === '') break;
    }
    rows.show(letters);
    byId('letters-more').hidden = after === '' || pages === MAX_PAGES;
    const more = after !== '' && pages === MAX_PAGES ? `, of which the oldest ${letters.length} are shown` : '';
    setText(
      byId('letters-hint'),
      letters.length === 0
        ? 'None.'
        : `${formatCount(Math.max(count, letters.length))} entries could not be applied${more}. Their customers have got their answer. Mend the cause, then put them back.`,
    );
  };

  return {
    /** @param {number | undefined} deadLetters undefined while Redis does not answer @param {AbortSignal} signal */
    async show(deadLetters, signal) {
      if (deadLetters === undefined) return setText(byId('letters-hint'), 'Unknown, since Redis does not answer.');
      count = deadLetters;
      await read(signal);
    },
  };
}

/** @param {Letter} letter */
function confirmPutBack(letter) {
  confirmAct({
    title: `Put back ${titleOf(letter)}?`,
    text: 'Its events are applied within seconds, each once even if MySQL has it already. If the cause is not mended, it becomes a dead letter again.',
    action: 'Put back',
    path: `dead-letters/${letter.partition}/${letter.id}/put-back`,
    done: 'The dead letter is back in the outbox.',
  });
}

/** @param {Letter} letter */
function titleOf({ partition, id, events: [first] }) {
  const time = formatDateTime(Number.parseInt(id, 10));
  return first === undefined ? `an entry of partition ${partition}, ${time}` : `${first.coupon}, ${time}`;
}

/** @param {Letter['events'][number]} event */
const textOf = ({ id, type, coupon, customer }) =>
  `${type} of ${coupon}, version ${id.split(':')[1]}${customer === undefined ? '' : `, customer ${customer}`}`;
