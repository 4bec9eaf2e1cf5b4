import { send } from './api.js';
import { untilAnswered } from './retry.js';

/** With the same key a retry gets the original outcome, so a user whose first answer was lost still learns the outcome. */
export const newIdempotencyKey = () =>
  [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, '0')).join('');

/**
 * Sends a command with a key of its own, and retries until its outcome is known. Throws the API's refusal.
 * @param {'POST' | 'PATCH' | 'DELETE'} method
 * @param {string} path
 * @param {{ json?: object, signal: AbortSignal, onRetry?: (message: string) => void }} options
 */
export function sendCommand(method, path, { json, signal, onRetry }) {
  const headers = { 'Idempotency-Key': newIdempotencyKey() };
  return untilAnswered(() => send(method, path, { headers, signal, ...(json && { json }) }), {
    signal,
    ...(onRetry && { onRetry }),
  });
}
