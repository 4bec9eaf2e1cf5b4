import { ApiError, messageOf, send } from '../server/api.js';
import { readToken } from './session.js';

/** @type {() => void} */
let tokenRefused = () => {};
/** @param {() => void} callback called when the server no longer accepts the token */
export function onTokenRefused(callback) {
  tokenRefused = callback;
}

/** @param {unknown} error */
export const isTokenRefused = (error) => error instanceof ApiError && error.status === 401;

/**
 * One request of the operator. Throws ApiError unless the API answers with success.
 * @param {'GET' | 'POST'} method
 * @param {string} path after `/api/operator/`
 * @param {{ json?: object, signal?: AbortSignal, token?: string, limitMs?: number }} [options]
 */
export async function ask(method, path, options = {}) {
  const token = options.token ?? readToken() ?? '';
  try {
    const { body } = await send(method, `/api/operator/${path}`, { ...options, token });
    return body;
  } catch (error) {
    if (isTokenRefused(error) && token === readToken()) tokenRefused();
    throw error;
  }
}

/** The error that a form shows for a failure: what the server says of it, or why there is no answer. @param {unknown} error */
export const toShown = (error) =>
  error instanceof ApiError && error.isRefusal ? error : new ApiError(reasonOf(error), { isRefusal: true });

/** An operator reads what the server says of its failure, where a customer would read that it is busy. @param {unknown} error */
export function reasonOf(error) {
  const told = error instanceof ApiError && !error.isRefusal ? error.body?.errMsg : undefined;
  return typeof told === 'string' ? told : messageOf(error);
}
