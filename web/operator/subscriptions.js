import { byId, create, formatCount, setText } from '../dom.js';
import { confirmAct } from './act.js';
import { createRows } from './rows.js';

/** @typedef {import('../../src/subscribers/changeCheckpoint.ts').SubscriptionState} Subscription */
/** @typedef {NonNullable<import('../../src/http/operators/operatorReplies.ts').OperatorState['mysql']['state']>['subscriptions']} Subscriptions */

/** The subscriptions, each with its lag, its last failure, and what an operator may do about it. */
export function openSubscriptions() {
  const rows = createRows(byId('subscriptions'), {
    keyOf: (/** @type {Subscription} */ { name }) => name,
    make(latest) {
      const { name } = latest();
      const lag = create('p');
      const error = create('p', { class: 'reason' });
      const next = create('p', { class: 'hint' });
      const retry = create('button', { type: 'button', class: 'quiet', 'aria-label': `Retry ${name}` }, 'Retry now');
      const skip = create(
        'button',
        { type: 'button', class: 'quiet', 'aria-label': `Skip next event of ${name}` },
        'Skip event',
      );
      retry.addEventListener('click', () => confirmRetry(latest()));
      skip.addEventListener('click', () => confirmSkip(latest()));
      const buttons = create('div', { class: 'buttons' }, retry, skip);
      return {
        element: create('li', {}, create('h3', {}, name), lag, error, next, buttons),
        update({ lag: behind, failures, error: message, nextEvent }) {
          const failed = failures === 0 ? '' : `, ${formatCount(failures)} failed deliveries in a row`;
          setText(lag, behind === 0 ? 'Everything is delivered' : `${formatCount(behind)} positions behind${failed}`);
          lag.dataset.state = failures > 0 ? 'bad' : 'good';
          setText(error, message === null ? '' : `Last failure: ${message}`);
          error.hidden = message === null;
          setText(next, nextEvent === null ? '' : `Next: ${nextEvent.type} of ${nextEvent.coupon}, ${nextEvent.id}`);
          skip.hidden = nextEvent === null;
          buttons.hidden = nextEvent === null && failures === 0;
        },
      };
    },
  });
  return {
    /** @param {Subscriptions | undefined} subscriptions undefined while MySQL does not answer */
    show(subscriptions) {
      // What was known is shown until MySQL answers again.
      if (subscriptions === undefined)
        return setText(byId('subscriptions-hint'), 'As last read: MySQL does not answer.');
      const { total, listed } = subscriptions;
      rows.show(listed);
      const cut = `The first ${listed.length} of ${formatCount(total)}: those that fail, then those that are the furthest behind.`;
      setText(byId('subscriptions-hint'), total === 0 ? 'None.' : total > listed.length ? cut : '');
    },
  };
}

/** @param {Subscription} subscription */
const confirmRetry = ({ name }) =>
  confirmAct({
    title: `Retry ${name}?`,
    text: 'The next attempt is made at once, and the pauses between attempts begin anew.',
    action: 'Retry now',
    path: `subscriptions/${encodeURIComponent(name)}/retry`,
    done: `${name} makes its next attempt.`,
  });

/** @param {Subscription} subscription */
function confirmSkip({ name, nextEvent }) {
  if (nextEvent === null) return;
  confirmAct({
    title: `Leave out an event of ${name}?`,
    text: `Its receiver will never get ${nextEvent.type} of ${nextEvent.coupon} (${nextEvent.id}). The event stays in the log.`,
    action: 'Skip event',
    path: `subscriptions/${encodeURIComponent(name)}/skip`,
    json: { event: nextEvent.id },
    done: `${name} leaves out the event.`,
  });
}
