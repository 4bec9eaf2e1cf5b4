import { ApiError, isTemporary, messageOf } from './api.js';

const FIRST_DELAY_MS = 500;
const MAX_DELAY_MS = 10_000;
/** A longer Retry-After is cut: after a typing error in a proxy's settings, the page would not come back. */
const MAX_RETRY_AFTER_MS = 600_000;

/** Resolves after this time. Rejects when the signal is aborted. @param {number} ms @param {AbortSignal} signal */
function sleep(ms, signal) {
  return new Promise((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', stop);
      resolve(undefined);
    }, ms);
    signal.addEventListener('abort', stop);
  });
}

/** Waits between attempts, longer after each failure in a row, and at least as long as the server asks for. */
export function createBackoff() {
  let delay = FIRST_DELAY_MS;
  return {
    reset() {
      delay = FIRST_DELAY_MS;
    },
    /** @param {unknown} error the failure of the last attempt @param {AbortSignal} signal */
    async wait(error, signal) {
      const retryAfter = error instanceof ApiError ? Math.min(error.retryAfterMs, MAX_RETRY_AFTER_MS) : 0;
      // Random, because all pages lose a server in the same moment and must not return in the same moment.
      const ownDelay = delay * (0.5 + Math.random() / 2);
      delay = Math.min(2 * delay, MAX_DELAY_MS);
      signal.throwIfAborted();
      await sleep(Math.max(ownDelay, retryAfter), signal);
    },
  };
}

/**
 * Repeats an attempt until the API answers it: with success, or with a refusal, which is thrown. Ends without an answer only when the signal
 * is aborted, and then throws the reason of the signal.
 * @template T
 * @param {(isRetry: boolean) => Promise<T>} attempt
 * @param {{ signal: AbortSignal, onRetry?: (message: string) => void }} options
 */
export async function untilAnswered(attempt, { signal, onRetry }) {
  const backoff = createBackoff();
  for (let isRetry = false; ; isRetry = true) {
    try {
      return await attempt(isRetry);
    } catch (error) {
      if (signal.aborted || !isTemporary(error)) throw error;
      onRetry?.(`${messageOf(error)}, retrying …`);
      await backoff.wait(error, signal);
    }
  }
}
