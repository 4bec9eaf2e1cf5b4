import { announce, warn } from './announce.js';
import { ApiError, send } from './api.js';
import { byId, setText } from './dom.js';

/** @typedef {import('../src/live/figures.ts').LiveSnapshot} Snapshot */
/** @typedef {import('../src/live/figures.ts').LiveFigures} Figures */
/** @typedef {import('../src/live/figures.ts').LiveCoupon} LiveCoupon */

const FIRST_DELAY_MS = 500;
const MAX_DELAY_MS = 5_000;
/** The server sends something at least every 15 s. After this silence the connection is dead, even if TCP has not noticed. */
const SILENCE_LIMIT_MS = 40_000;

/**
 * Follows a seller's sales until the returned function is called, and reconnects when the stream ends. Uses fetch, because EventSource
 * cannot send the token.
 * @param {string} seller
 * @param {{ snapshot: (snapshot: Snapshot) => void, figures: (figures: Figures) => void }} handlers
 */
export function follow(seller, handlers) {
  const stop = new AbortController();
  void run(seller, handlers, stop.signal);
  return () => {
    stop.abort();
    showState('off');
  };
}

/**
 * @param {string} seller
 * @param {Parameters<typeof follow>[1]} handlers
 * @param {AbortSignal} signal
 */
async function run(seller, handlers, signal) {
  let delay = FIRST_DELAY_MS;
  while (!signal.aborted) {
    try {
      for await (const [event, data] of eventsOf(seller, signal)) {
        delay = FIRST_DELAY_MS;
        showState('live');
        if (event === 'snapshot') handlers.snapshot(data);
        else handlers.figures(data);
        showGate(data);
      }
    } catch (error) {
      if (signal.aborted) return;
      // A retry would get the same answer. The page that follows the seller shows the error.
      if (error instanceof ApiError && error.status < 500) return showState('off');
      showState('reconnecting');
      warn(reconnectingText(error));
    }
    await new Promise((resolve) => setTimeout(resolve, delay));
    delay = Math.min(2 * delay, MAX_DELAY_MS);
  }
}

/**
 * @param {string} seller
 * @param {AbortSignal} stopped
 * @returns {AsyncGenerator<[string, any]>}
 */
async function* eventsOf(seller, stopped) {
  const request = new AbortController();
  const stop = () => request.abort();
  stopped.addEventListener('abort', stop);
  let timer = setTimeout(stop, SILENCE_LIMIT_MS);
  try {
    const response = await send('GET', `/api/live?seller=${encodeURIComponent(seller)}`, { signal: request.signal });
    const reader = /** @type {ReadableStream<Uint8Array>} */ (response.body).getReader();
    const decoder = new TextDecoder();
    let text = '';
    for (let read = await reader.read(); !read.done; read = await reader.read()) {
      clearTimeout(timer);
      timer = setTimeout(stop, SILENCE_LIMIT_MS);
      text += decoder.decode(read.value, { stream: true });
      const blocks = text.split('\n\n');
      text = blocks.pop() ?? '';
      for (const block of blocks) {
        const [, event, data] = /^event: (\w+)\ndata: (.*)$/.exec(block) ?? [];
        if (event !== undefined && data !== undefined) yield [event, JSON.parse(data)];
      }
    }
    throw new Error('the stream has ended');
  } finally {
    clearTimeout(timer);
    stopped.removeEventListener('abort', stop);
    stop();
  }
}

/** @param {unknown} error */
function reconnectingText(error) {
  if (!(error instanceof ApiError)) return 'Connection lost, reconnecting …';
  return error.status === 503 ? 'Server busy, reconnecting …' : 'Cannot reach the server, reconnecting …';
}

const stateTexts = { live: 'live', reconnecting: 'reconnecting', off: 'not connected' };

/** @param {keyof typeof stateTexts} state */
function showState(state) {
  const element = byId('stream-state');
  if (element.dataset.state !== state && state !== 'off') announce(stateTexts[state]);
  element.dataset.state = state;
  setText(element, stateTexts[state]);
}

/** @param {Figures} figures */
function showGate({ shut }) {
  warn(shut === null ? '' : `Coupons cannot be grabbed at the moment: ${shut}.`);
}
