const TIMEOUT_MS = 15_000;
const FIRST_DELAY_MS = 500;
const MAX_DELAY_MS = 10_000;
/** A customer does not wait longer than this. A later click repeats the request with its key. */
const LONGEST_WAIT_MS = 60_000;

/** @param {number} ms */
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/**
 * Sends a change to seckill until its outcome is known, always with the same key, and resolves to the answer. 503 and a broken
 * connection mean that the outcome is unknown, and the key makes the repetition harmless: the change happens once. 429 means that
 * nothing was decided. The delays grow and are random, because all pages lose seckill in the same moment.
 * @param {string} url
 * @param {{ method: string, token: string, key: string, onRetry: () => void }} request
 */
export async function sendUntilKnown(url, { method, token, key, onRetry }) {
  const headers = { Authorization: `Bearer ${token}`, 'Idempotency-Key': key };
  for (let delay = FIRST_DELAY_MS; ; delay = Math.min(2 * delay, MAX_DELAY_MS)) {
    const signal = AbortSignal.timeout(TIMEOUT_MS);
    const answer = await fetch(url, { method, headers, signal }).catch(() => undefined);
    if (answer !== undefined && ![429, 502, 503, 504].includes(answer.status)) return answer;
    const retryAfter = 1_000 * Number(answer?.headers.get('Retry-After') ?? 0);
    if (answer !== undefined && retryAfter > LONGEST_WAIT_MS) return answer;
    onRetry();
    await sleep(retryAfter + delay * Math.random());
  }
}

/** Asks the shop who is logged in. @returns {Promise<Session>} */
export const readSession = async () => (await fetch('/api/session')).json();
/** @typedef {{ seckill: string, coupon: { seller: string, name: string }, user?: string, token?: string }} Session */

/** @param {string} id @returns {HTMLElement} */
export function element(id) {
  const found = document.getElementById(id);
  if (found === null) throw new Error(`no element ${id}`);
  return found;
}
