import { formatDuration } from '../dom.js';
import { grabOutcomes } from '../messages.js';
import { ApiError, couponPath, send } from '../server/api.js';
import { newIdempotencyKey } from '../server/command.js';
import { untilAnswered } from '../server/retry.js';

/**
 * Grabs a piece, and retries until the outcome is known.
 * @param {string} seller
 * @param {string} name
 * @param {{ signal: AbortSignal, onRetry: () => void }} options
 * @returns {Promise<{ name: string, text: string, outcome: 'grabbed' | 'refused' | 'waiting' }>}
 */
export async function grab(seller, name, { signal, onRetry }) {
  const headers = { 'Idempotency-Key': newIdempotencyKey() };
  return untilAnswered(
    async () => {
      const response = await send('PATCH', couponPath(seller, name), { headers, signal });
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
