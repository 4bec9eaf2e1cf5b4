import { announce } from '../announce.js';
import { confirmAction } from '../confirm.js';
import { byId, setText } from '../dom.js';
import { openForm } from '../forms.js';
import { ApiError, messageOf, send, webhooksPath } from '../server/api.js';
import { sendCommand } from '../server/command.js';
import { createEndpoint } from './endpoint.js';

/** @typedef {import('./endpoint.js').Webhook} Webhook */
/** @typedef {import('./endpoint.js').Endpoint} Endpoint */

const REFRESH_MS = 3_000;

/** A seller's webhooks: which URLs get the events, how they are, and the last deliveries to each. */
export function openWebhooks() {
  let seller = '';
  /** Aborted when the page is left. */
  let shown = new AbortController();
  /** @type {Map<string, Endpoint>} */
  const endpoints = new Map();
  const list = byId('webhook-list');
  /** @param {string} text */
  const showMessage = (text) => setText(byId('webhooks-message'), text);

  /** @param {string} secret @param {string} more */
  const showSecret = (secret, more) => {
    setText(byId('webhook-secret-value'), secret);
    setText(byId('webhook-secret-more'), more);
    setText(byId('webhook-secret-message'), '');
    byId('webhook-secret').hidden = secret === '';
    if (secret !== '') byId('webhook-secret-title').focus();
  };
  byId('webhook-secret-done').addEventListener('click', () => {
    showSecret('', '');
    byId('webhooks-title').focus();
  });
  byId('webhook-secret-copy').addEventListener('click', async () => {
    const value = byId('webhook-secret-value');
    try {
      await navigator.clipboard.writeText(value.textContent ?? '');
      setText(byId('webhook-secret-message'), 'Copied.');
    } catch {
      // Browsers offer the clipboard only to pages on this device and to pages with TLS.
      getSelection()?.selectAllChildren(value);
      setText(byId('webhook-secret-message'), 'Selected. Press Ctrl+C or ⌘C to copy.');
    }
  });

  const refresh = async () => {
    const { signal } = shown;
    try {
      const { body } = await send('GET', webhooksPath(seller), { signal });
      /** @type {Webhook[]} */
      const found = body.data;
      const ids = new Set(found.map(({ id }) => id));
      for (const [id, { element }] of endpoints) if (!ids.has(id)) endpoints.delete(id) && element.remove();
      for (const webhook of found) {
        const known = endpoints.get(webhook.id) ?? createEndpoint(webhooksPath(seller), webhook.id, act);
        endpoints.set(webhook.id, known);
        if (known.element.parentElement === null) list.append(known.element);
        known.show(webhook);
      }
      byId('webhooks-empty').hidden = found.length > 0;
      await Promise.all([...endpoints.values()].map(({ refresh }) => refresh(signal)));
    } catch (error) {
      if (signal.aborted) return;
      const isOff = error instanceof ApiError && error.status === 404;
      showMessage(isOff ? 'Webhooks are switched off on this server.' : messageOf(error));
    }
  };

  /**
   * Runs an action on an endpoint and shows the state after it. Resolves to the data of the answer.
   * @param {string} path
   * @param {{ method?: 'POST' | 'DELETE', question?: { title: string, text: string, action: string }, once?: boolean, done: string }} options
   * `once`: it is not repeated when the answer is lost
   */
  const act = async (path, { method = 'POST', question, once = false, done }) => {
    const { signal } = shown;
    showMessage('');
    try {
      if (question !== undefined && !(await confirmAction(question))) return;
      const { body } = await (once
        ? send(method, path, { signal })
        : sendCommand(method, path, { signal, onRetry: showMessage }));
      if (signal.aborted) return;
      showMessage('');
      announce(done);
      if (body.data?.secret !== undefined)
        showSecret(body.data.secret, 'For a day the old secret signs too, so that your system can change over.');
      await refresh();
    } catch (error) {
      if (!signal.aborted) showMessage(messageOf(error));
    }
  };

  const { reset } = openForm(
    'webhook-form',
    'webhook-message',
    async ({ url = '' }, { signal, onRetry }) => {
      const { body } = await sendCommand('POST', webhooksPath(seller), { json: { url }, signal, onRetry });
      if (signal.aborted) return;
      byId('webhook-url', HTMLInputElement).value = '';
      announce('The webhook is added.');
      showSecret(body.data.secret, '');
      await refresh();
    },
    { keepsFirst: true },
  );

  return {
    /** @param {string} username */
    start(username) {
      seller = username;
      shown = new AbortController();
      const { signal } = shown;
      const again = async () => {
        await refresh();
        if (!signal.aborted) setTimeout(() => signal.aborted || void again(), REFRESH_MS);
      };
      void again();
    },
    stop() {
      shown.abort();
      reset();
      showMessage('');
      showSecret('', '');
      byId('webhooks-empty').hidden = true;
      endpoints.clear();
      list.replaceChildren();
    },
  };
}
