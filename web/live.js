import { announce, warn } from './announce.js';
import { ApiError, send } from './api.js';
import { byId, setText } from './dom.js';

/** @typedef {import('../src/live/figures.ts').LiveSnapshot} Snapshot */
/** @typedef {import('../src/live/figures.ts').LiveFigures} Figures */
/** @typedef {import('../src/live/figures.ts').LiveCoupon} LiveCoupon */

const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 5_000;
/** The server says something every 15 s; after this long it is gone, whatever TCP believes. */
const SILENCE_LIMIT_MS = 40_000;

/**
 * Follows a seller's sales until stopped, and connects again when the stream ends. Read with fetch: EventSource can't send a token.
 * @param {string} seller
 * @param {{ snapshot: (snapshot: Snapshot) => void, figures: (figures: Figures) => void }} listen
 */
export function follow(seller, listen) {
  const stop = new AbortController();
  void run(seller, listen, stop.signal);
  return () => {
    stop.abort();
    showState('off');
  };
}

/**
 * @param {string} seller
 * @param {Parameters<typeof follow>[1]} listen
 * @param {AbortSignal} signal
 */
async function run(seller, listen, signal) {
  let pause = FIRST_PAUSE_MS;
  while (!signal.aborted) {
    try {
      for await (const [event, data] of eventsOf(seller, signal)) {
        pause = FIRST_PAUSE_MS;
        showState('live');
        if (event === 'snapshot') listen.snapshot(data);
        else listen.figures(data);
        showGate(data);
      }
    } catch (error) {
      if (signal.aborted) return;
      // Asking again would hear the same. Who shows the page says what is wrong.
      if (error instanceof ApiError && error.status < 500) return showState('off');
      showState('lost');
      warn(
        error instanceof ApiError
          ? `${error.message} Connecting again …`
          : 'The connection was lost. Connecting again …',
      );
    }
    await new Promise((resolve) => setTimeout(resolve, pause));
    pause = Math.min(2 * pause, LONGEST_PAUSE_MS);
  }
}

/**
 * @param {string} seller
 * @param {AbortSignal} stopped
 * @returns {AsyncGenerator<[string, any]>}
 */
async function* eventsOf(seller, stopped) {
  const silent = new AbortController();
  const stop = () => silent.abort();
  stopped.addEventListener('abort', stop);
  let timer = setTimeout(stop, SILENCE_LIMIT_MS);
  try {
    const response = await send('GET', `/api/live?seller=${encodeURIComponent(seller)}`, { signal: silent.signal });
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

const words = { live: 'live', lost: 'connecting again', off: 'not connected' };

/** @param {keyof typeof words} state */
function showState(state) {
  const element = byId('stream-state');
  if (element.dataset.state !== state && state !== 'off') announce(words[state]);
  element.dataset.state = state;
  setText(element, words[state]);
}

/** @param {Figures} figures */
function showGate({ shut }) {
  warn(shut === null ? '' : `Grabs are not taken right now: ${shut}.`);
}
