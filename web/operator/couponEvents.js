import { byId, create, formatCount, formatDateTime, setText } from '../dom.js';
import { FieldError, openForm } from '../forms.js';
import { ask, reasonOf, toShown } from './requests.js';

/** @typedef {import('../../src/http/operators/operatorReplies.ts').ListedEvents} Page */
/** @typedef {import('../../src/http/operators/operatorReplies.ts').Verification} Verification */

const PAGE = '100';
/** The server gives up after a minute. A coupon of a million events takes some seconds. */
const VERIFY_LIMIT_MS = 65_000;

/** The events of one coupon in order, and what a verification of it finds. */
export function openCouponEvents() {
  const body = byId('coupon-events', HTMLTableElement).tBodies[0] ?? create('tbody');
  const form = byId('coupon-form', HTMLFormElement);
  /** @type {Page['coupon'] | undefined} */
  let coupon;
  let next = 0;
  let lastVersion = 0;
  let stop = new AbortController();

  const row = (/** @type {string[]} */ ...cells) => create('tr', {}, ...cells.map((text) => create('td', {}, text)));
  /** @param {Page} page */
  const append = (page) => {
    for (const { version, type, at, data } of page.data) {
      if (version > lastVersion + 1) body.append(gapRow(lastVersion + 1, version - 1));
      lastVersion = version;
      body.append(
        row(
          formatCount(version),
          type,
          formatDateTime(Date.parse(at)),
          data === null ? 'This version of the server cannot read it.' : textOf(data),
        ),
      );
    }
    next = page.next ?? 0;
    byId('coupon-more').hidden = next === 0;
    setText(byId('coupon-page'), next === 0 ? 'No later events.' : `Shown up to version ${formatCount(next)}.`);
    const inRedis =
      page.decided === null
        ? 'Redis does not have it or does not answer'
        : `Redis is at version ${formatCount(page.decided)}`;
    setText(
      byId('coupon-versions'),
      `Id ${page.coupon.id}. The log is at version ${formatCount(page.logged)}, ${inRedis}.`,
    );
  };
  const gapRow = (/** @type {number} */ from, /** @type {number} */ to) => {
    const missing = row(
      from === to ? formatCount(from) : `${formatCount(from)}–${formatCount(to)}`,
      'missing in the log',
      '',
      '',
    );
    missing.dataset.state = 'bad';
    return missing;
  };
  const clear = () => {
    stop.abort();
    stop = new AbortController();
    body.replaceChildren();
    lastVersion = 0;
    for (const id of ['coupon-verdict', 'coupon-page']) setText(byId(id), '');
    byId('coupon-findings').replaceChildren();
  };

  openForm('coupon-form', 'coupon-message', async ({ seller = '', name = '', id = '' }, { signal }) => {
    if (id.trim() === '' && (seller === '' || name === ''))
      throw new FieldError(seller === '' ? 'seller' : 'name', 'Please name the seller and the coupon, or give its id.');
    /** @type {Record<string, string>} */
    const which = id.trim() === '' ? { seller, name } : { id: id.trim() };
    const page = await ask('GET', `events?${new URLSearchParams({ ...which, limit: PAGE })}`, { signal }).catch(
      (error) => Promise.reject(toShown(error)),
    );
    clear();
    coupon = page.coupon;
    setText(byId('coupon-heading'), `${page.coupon.seller}/${page.coupon.name}`);
    byId('coupon').hidden = false;
    append(page);
  });
  byId('coupon-more').addEventListener('click', async () => {
    const { signal } = stop;
    const query = new URLSearchParams({ id: coupon?.id ?? '', limit: PAGE, after: String(next) });
    try {
      const page = await ask('GET', `events?${query}`, { signal });
      if (!signal.aborted) append(page);
    } catch (error) {
      if (!signal.aborted) setText(byId('coupon-page'), reasonOf(error));
    }
  });
  byId('coupon-verify').addEventListener('click', async () => {
    if (coupon === undefined) return;
    const { signal } = stop;
    const { seller, name } = coupon;
    setText(byId('coupon-verdict'), 'Verifying …');
    byId('coupon-findings').replaceChildren();
    try {
      const { data } = await ask('GET', `verification?${new URLSearchParams({ seller, name })}`, {
        signal,
        limitMs: VERIFY_LIMIT_MS,
      });
      if (!signal.aborted) showVerdict(data);
    } catch (error) {
      if (!signal.aborted) setText(byId('coupon-verdict'), reasonOf(error));
    }
  });

  return {
    /** Shows the events of this coupon as if the form had been filled in. @param {{ seller: string, name: string }} wanted */
    show({ seller, name }) {
      for (const [id, value] of Object.entries({ 'coupon-seller': seller, 'coupon-name': name, 'coupon-id': '' }))
        byId(id, HTMLInputElement).value = value;
      form.requestSubmit();
      byId('coupon-title').focus();
    },
    stop() {
      clear();
      coupon = undefined;
      form.reset();
      byId('coupon').hidden = true;
    },
  };
}

/** @param {Verification} report */
function showVerdict({ agree, wrong, mismatches, onTheirWay, log }) {
  const waiting = onTheirWay === 0 ? '' : ` ${formatCount(onTheirWay)} events are on their way to MySQL.`;
  const verdict = agree
    ? `Redis, MySQL and the log agree on ${formatCount(log.events)} events.`
    : `${formatCount(wrong)} mismatches.`;
  setText(byId('coupon-verdict'), verdict + waiting);
  byId('coupon-findings').replaceChildren(...mismatches.map((text) => create('li', {}, text)));
}

/** @param {Record<string, unknown>} data */
const textOf = (data) =>
  Object.entries(data)
    .map(([field, value]) => `${field}: ${typeof value === 'string' ? value : JSON.stringify(value)}`)
    .join(', ');
