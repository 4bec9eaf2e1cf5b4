import { byId, create, formatCount, formatTime, setText } from '../dom.js';
import { statusTexts } from '../messages.js';
import { listOffers, messageOf, PAGE_SIZE } from '../server/api.js';
import { untilAnswered } from '../server/retry.js';

/** The coupons that are too old for the live stream, read from the list of the API when the seller asks for them. */
export function openOlderCoupons() {
  const button = byId('older-show');
  let seller = '';
  let older = 0;
  /** @type {ReadonlyMap<string, unknown>} */
  let liveCoupons = new Map();
  let stop = new AbortController();

  button.addEventListener('click', async () => {
    stop.abort();
    stop = new AbortController();
    const { signal } = stop;
    try {
      /** @type {Awaited<ReturnType<typeof listOffers>>} */
      const coupons = [];
      // The list begins with the oldest coupon.
      for (let page = 1; page <= Math.ceil(older / PAGE_SIZE); page++) {
        const onRetry = (/** @type {string} */ text) => setText(byId('older-message'), text);
        coupons.push(...(await untilAnswered(() => listOffers(seller, page, signal), { signal, onRetry })));
      }
      const items = coupons
        .filter(({ name }) => !liveCoupons.has(name))
        .reverse()
        .map(({ name, status, left, amount }) =>
          create(
            'li',
            {},
            create('span', { class: 'title' }, name),
            create(
              'span',
              { class: 'count' },
              status === 'on-sale' ? `${formatCount(left)} / ${formatCount(amount)}` : statusTexts[status],
            ),
          ),
        );
      byId('older-list').replaceChildren(...items);
      setText(byId('older-message'), `As of ${formatTime(Date.now())}, not live.`);
      setText(button, 'Update');
    } catch (error) {
      if (!signal.aborted) setText(byId('older-message'), messageOf(error));
    }
  });

  return {
    /** @param {string} username */
    start(username) {
      seller = username;
    },
    /** @param {number} total @param {ReadonlyMap<string, unknown>} coupons those of the live stream */
    show(total, coupons) {
      liveCoupons = coupons;
      older = Math.max(0, total - coupons.size);
      byId('older').hidden = older === 0;
      const have = older === 1 ? 'One older coupon has' : `${formatCount(older)} older coupons have`;
      setText(byId('older-text'), `Your newest ${coupons.size} coupons are live. ${have} no live figures.`);
    },
    stop() {
      stop.abort();
      byId('older').hidden = true;
      byId('older-list').replaceChildren();
      setText(byId('older-message'), '');
      setText(button, 'Show older coupons');
    },
  };
}
