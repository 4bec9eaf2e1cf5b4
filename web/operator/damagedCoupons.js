import { byId, create, formatCount, setText } from '../dom.js';
import { ask } from './requests.js';
import { createRows } from './rows.js';

/** @typedef {import('../../src/http/operators/operatorReplies.ts').ListedDamage} Damage */

/** The coupons whose log is damaged. @param {(coupon: { seller: string, name: string }) => void} showEvents */
export function openDamagedCoupons(showEvents) {
  const rows = createRows(byId('damaged'), {
    keyOf: (/** @type {Damage} */ { seller, name }) => `${seller}/${name}`,
    make(latest) {
      const title = `${latest().seller}/${latest().name}`;
      const damage = create('p', { class: 'reason' });
      const button = create(
        'button',
        { type: 'button', class: 'quiet', 'aria-label': `Show events of ${title}` },
        'Show events',
      );
      button.addEventListener('click', () => showEvents(latest()));
      return {
        element: create('li', {}, create('h3', {}, title), damage, button),
        update: ({ damage: text }) => setText(damage, text ?? 'The coupon is gone from Redis.'),
      };
    },
  });
  return {
    /** @param {number | undefined} count undefined while Redis does not answer @param {AbortSignal} signal */
    async show(count, signal) {
      if (count === undefined) return setText(byId('damaged-hint'), 'Unknown, since Redis does not answer.');
      const { data, count: all } = await ask('GET', 'damaged-coupons', { signal });
      rows.show(data);
      const cut = all > data.length ? ` The first ${data.length} are shown.` : '';
      setText(
        byId('damaged-hint'),
        all === 0
          ? 'None.'
          : `Grabs of ${all === 1 ? 'this coupon' : `these ${formatCount(all)} coupons`} get 503 until the log is mended.${cut}`,
      );
    },
  };
}
