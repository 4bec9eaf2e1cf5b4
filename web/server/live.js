import { announce, warn } from '../announce.js';
import { byId, setText } from '../dom.js';
import { ApiError, isTemporary, openStream } from './api.js';
import { observeStream } from './clock.js';
import { createBackoff } from './retry.js';

/** @typedef {import('../../src/live/figures.ts').LiveSnapshot} Snapshot */
/** @typedef {import('../../src/live/figures.ts').LiveFigures} Figures */
/** @typedef {import('../../src/live/figures.ts').LiveCoupon} LiveCoupon */

/**
 * The server sends something every 15 s, with the largest audience every 19 s. After a longer silence the connection is half open: dead,
 * although TCP has not noticed.
 */
const SILENCE_LIMIT_MS = 25_000;

/**
 * Follows a seller's sales until the returned function is called. A stream that ends or fails is opened again, for as long as the page is
 * open. Uses fetch, because EventSource cannot send the token.
 * @param {string} seller
 * @param {{ snapshot: (snapshot: Snapshot) => void, figures: (figures: Figures) => void }} handlers
 */
export function follow(seller, handlers) {
  const stop = new AbortController();
  void run(seller, handlers, stop.signal);
  return () => {
    stop.abort();
    showState('off');
    warn('stream', '');
    warn('gate', '');
  };
}

/**
 * @param {string} seller
 * @param {Parameters<typeof follow>[1]} handlers
 * @param {AbortSignal} signal
 */
async function run(seller, handlers, signal) {
  const backoff = createBackoff();
  while (!signal.aborted) {
    try {
      for await (const [event, data] of eventsOf(seller, signal)) {
        if (signal.aborted) return;
        backoff.reset();
        observeStream(data.clock);
        showState('live');
        warn('stream', '');
        warn('gate', data.shut === null ? '' : `Coupons cannot be grabbed at the moment: ${data.shut}.`);
        if (event === 'snapshot') handlers.snapshot(data);
        else handlers.figures(data);
      }
    } catch (error) {
      if (signal.aborted) return;
      // The page that follows the seller shows a refusal, which it gets too.
      if (error instanceof ApiError && error.isRefusal) return showState('off');
      if (!isTemporary(error)) throw error;
      showState('reconnecting');
      warn('stream', reconnectingText(error));
      await backoff.wait(error, signal).catch(() => {});
    }
  }
}

/**
 * The events of one connection. Throws ApiError when it ends, whatever the reason.
 * @param {string} seller
 * @param {AbortSignal} stopped
 * @returns {AsyncGenerator<[string, any]>}
 */
async function* eventsOf(seller, stopped) {
  const connection = new AbortController();
  const stop = () => connection.abort();
  stopped.addEventListener('abort', stop);
  let timer = setTimeout(stop, SILENCE_LIMIT_MS);
  try {
    const reader = await openStream(seller, connection.signal);
    const decoder = new TextDecoder();
    let text = '';
    for (let read = await reader.read(); !read.done; read = await reader.read()) {
      clearTimeout(timer);
      timer = setTimeout(stop, SILENCE_LIMIT_MS);
      text += decoder.decode(read.value, { stream: true });
      const blocks = text.split('\n\n');
      text = blocks.pop() ?? '';
      for (const block of blocks) {
        const [, event, data] = /^event: (\w+)\ndata: (.*)$/s.exec(block) ?? [];
        if (event !== undefined && data !== undefined) yield [event, JSON.parse(data)];
      }
    }
    throw new ApiError('the stream has ended');
  } catch (error) {
    throw error instanceof ApiError ? error : new ApiError(String(error));
  } finally {
    clearTimeout(timer);
    stopped.removeEventListener('abort', stop);
    stop();
  }
}

/** @param {unknown} error */
function reconnectingText(error) {
  const isBusy = error instanceof ApiError && (error.status === 503 || error.status === 429);
  return isBusy ? 'Server busy, reconnecting …' : 'Connection lost, reconnecting …';
}

/** `off`: nothing is followed, so there is nothing to show. */
const stateTexts = { live: 'live', reconnecting: 'reconnecting', off: '' };

/** @param {keyof typeof stateTexts} state */
function showState(state) {
  const element = byId('stream-state');
  if (element.dataset.state !== state && state !== 'off') announce(stateTexts[state]);
  element.dataset.state = state;
  element.hidden = state === 'off';
  setText(element, stateTexts[state]);
}
