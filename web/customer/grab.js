import { ApiError, couponsPath, send } from '../api.js';
import { formatDuration } from '../dom.js';
import { grabOutcomes } from '../messages.js';
import { untilAnswered } from '../retry.js';

/** With the same key a retry gets the original outcome, so a customer whose first answer was lost still learns of the grab. */
const idempotencyKey = () =>
  [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, '0')).join('');

/**
 * Grabs a piece, and retries until the outcome is known.
 * @param {string} seller
 * @param {string} name
 * @param {{ signal: AbortSignal, onRetry: () => void }} options
 * @returns {Promise<{ name: string, text: string, outcome: 'grabbed' | 'refused' | 'waiting' }>}
 */
export async function grab(seller, name, { signal, onRetry }) {
  const headers = { 'Idempotency-Key': idempotencyKey() };
  const path = `${couponsPath(seller)}/${encodeURIComponent(name)}`;
  return untilAnswered(
    async () => {
      const response = await send('PATCH', path, { headers, signal });
      const outcome = response.headers.get('Grab-Outcome');
      if (outcome === null) throw new ApiError('not an answer of the API');
      const known = grabOutcomes[outcome] ?? { text: `Not grabbed: ${outcome}.`, outcome: 'refused' };
      const startsIn = outcome === 'not-started' ? Number(response.headers.get('Retry-After')) : 0;
      return {
        name: outcome,
        outcome: known.outcome,
        text: startsIn > 0 ? `${known.text} It starts in ${formatDuration(startsIn * 1_000)}.` : known.text,
      };
    },
    { signal, onRetry },
  );
}
