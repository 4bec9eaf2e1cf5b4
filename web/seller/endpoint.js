import { create, formatDateTime, formatMs, setText } from '../dom.js';
import { send } from '../server/api.js';

/**
 * @typedef {{ id: string, url: string, state: 'active' | 'paused' | 'disabled', reason?: string, failures: number, failingSince?: string,
 *   lastFailure?: string }} Webhook
 * @typedef {{ id: number, kind: 'event' | 'resend' | 'test', event: string, type: string, subject: string, sentAt: string, tookMs: number,
 *   status: number | null, answer: string }} Delivery
 * @typedef {{ element: HTMLElement, show: (webhook: Webhook) => void, refresh: (signal: AbortSignal) => Promise<void> }} Endpoint
 */

const DELIVERIES_SHOWN = 20;

/**
 * One webhook: its state, its buttons and, when they are opened, its last deliveries.
 * @param {string} base the path of all webhooks
 * @param {string} id
 * @param {(path: string, options: { method?: 'POST' | 'DELETE', question?: { title: string, text: string, action: string }, once?: boolean,
 *   done: string }) => Promise<void>} act
 * @returns {Endpoint}
 */
export function createEndpoint(base, id, act) {
  const path = `${base}/${encodeURIComponent(id)}`;
  const title = create('h2', { id: `webhook-${id}` });
  const state = create('span', { class: 'pill' });
  const explanation = create('p', { class: 'hint' });
  const deliveries = create('ol', { class: 'deliveries' });
  const none = create('p', { class: 'hint' }, 'No deliveries yet.');
  const details = create('details', {}, create('summary', {}, 'Last deliveries'), none, deliveries);
  let url = '';
  let isActive = true;

  /** @param {string} text @param {() => void} press */
  const button = (text, press) => {
    const made = create('button', { type: 'button', class: 'quiet', 'aria-describedby': title.id }, text);
    made.addEventListener('click', press);
    return made;
  };
  const toggle = button('Pause', () =>
    isActive
      ? void act(`${path}/pause`, { done: 'The webhook is paused.' })
      : void act(`${path}/resume`, { done: 'The webhook is resumed.' }),
  );
  const test = button('Send test', () => {
    details.open = true;
    void act(`${path}/test`, { once: true, done: 'The test is sent.' });
  });
  const rotate = button('New secret', () => {
    const text = 'Both secrets sign for a day. Store the new one in your system within that time.';
    const question = { title: 'Make a new secret?', text, action: 'New secret' };
    void act(`${path}/rotate`, { question, once: true, done: 'The new secret is in use.' });
  });
  const remove = button('Delete', () => {
    const text = `${url} gets no more events, and those that wait for it are not sent.`;
    const question = { title: 'Delete this webhook?', text, action: 'Delete' };
    void act(path, { method: 'DELETE', question, done: 'The webhook is deleted.' });
  });
  const element = create(
    'li',
    { class: 'card' },
    title,
    create('p', {}, state),
    explanation,
    create('div', { class: 'actions' }, toggle, test, rotate, remove),
    details,
  );

  /** @param {Delivery[]} found */
  const showDeliveries = (found) => {
    none.hidden = found.length > 0;
    const ids = found.map((one) => String(one.id));
    const known = new Map([...deliveries.children].map((child) => [child.getAttribute('data-id'), child]));
    for (const [shownId, child] of known) if (!ids.includes(shownId ?? '')) child.remove();
    // The newest is on top. An entry never changes, so the ones that are shown stay, and with them the focus.
    for (const one of [...found].reverse())
      if (!known.has(String(one.id))) deliveries.prepend(createDelivery(one, path, act));
  };

  details.addEventListener('toggle', () => details.open && void refresh(new AbortController().signal).catch(() => {}));
  /** @param {AbortSignal} signal */
  const refresh = async (signal) => {
    if (!details.open) return;
    const { body } = await send('GET', `${path}/deliveries?limit=${DELIVERIES_SHOWN}`, { signal });
    showDeliveries(body.data);
  };

  return {
    element,
    refresh,
    show(webhook) {
      url = webhook.url;
      isActive = webhook.state === 'active';
      setText(title, url);
      element.dataset.state = webhook.state;
      setText(state, webhook.state === 'disabled' ? 'switched off' : webhook.state);
      setText(explanation, explain(webhook));
      setText(toggle, isActive ? 'Pause' : 'Resume');
    },
  };
}

/** @param {Webhook} webhook */
function explain({ state, reason, failures, failingSince, lastFailure = '' }) {
  if (state === 'disabled') return `${reason ?? ''} Its events wait until you resume it.`;
  if (state === 'paused') return 'Its events wait until you resume it.';
  if (failures === 0) return 'Events are sent as they happen.';
  const since = failingSince === undefined ? '' : ` since ${formatDateTime(Date.parse(failingSince))}`;
  return `Failing${since}, ${failures} attempts, retrying. ${lastFailure}`;
}

/** @param {Delivery} delivery @param {string} path @param {Parameters<typeof createEndpoint>[2]} act */
function createDelivery({ id, kind, event, type, subject, sentAt, tookMs, status, answer }, path, act) {
  const isTaken = status !== null && status >= 200 && status < 300;
  const resend = create('button', { type: 'button', class: 'quiet', 'aria-label': `Resend ${event}` }, 'Resend');
  resend.addEventListener(
    'click',
    () => void act(`${path}/deliveries/${id}/resend`, { once: true, done: 'The event is sent again.' }),
  );
  const what = kind === 'resend' ? `${type}, sent again` : type;
  const text = create(
    'div',
    {},
    create('b', {}, status === null ? 'no answer' : String(status)),
    ` ${what}${subject === '' ? '' : `, ${subject}`}`,
    create('p', { class: 'hint' }, `${formatDateTime(Date.parse(sentAt))}, ${formatMs(tookMs)}, ${event}`),
  );
  if (answer !== '') text.append(create('p', { class: 'hint' }, create('code', {}, answer)));
  return create('li', { 'data-id': String(id), 'data-taken': isTaken ? 'yes' : 'no' }, text, resend);
}
