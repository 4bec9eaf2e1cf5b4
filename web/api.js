import { readSession } from './session.js';

/** Something that the user should read. `status` is 0 when the server was not reached. */
export class ApiError extends Error {
  /**
   * @param {number} status
   * @param {string} message
   */
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

/** @type {(message: string) => void} */
let onLoggedOut = () => {};
/** @param {(message: string) => void} listen hears when the token is no longer good */
export function whenLoggedOut(listen) {
  onLoggedOut = listen;
}

/**
 * One request with the token of this tab. Throws ApiError for whatever is no success.
 * @param {string} method
 * @param {string} path
 * @param {{ json?: object, headers?: Record<string, string>, signal?: AbortSignal }} [options]
 */
export async function send(method, path, { json, headers, signal } = {}) {
  const session = readSession();
  const response = await fetch(path, {
    method,
    ...(signal && { signal }),
    ...(json && { body: JSON.stringify(json) }),
    headers: {
      ...(session && { Authorization: session.token }),
      ...(json && { 'Content-Type': 'application/json' }),
      ...headers,
    },
  }).catch((error) => {
    if (signal?.aborted) throw error;
    throw new ApiError(0, 'The server can not be reached.');
  });
  if (response.ok) return response;
  const message = await response.json().then(
    ({ errMsg }) => String(errMsg),
    () => response.statusText,
  );
  if (message === 'Authorization has expired.') onLoggedOut('Your log-in has expired. Please log in again.');
  else if (message === 'Not Authorized.' && session) onLoggedOut('You are logged out. Please log in again.');
  throw new ApiError(response.status, message);
}

/** @param {string} username */
export const couponsPath = (username) => `/api/users/${encodeURIComponent(username)}/coupons`;

/**
 * A page of a list; an empty one is a 204.
 * @param {string} username
 * @param {number} page
 * @returns {Promise<{ name: string, stock: number, description: string, amount: number, left: number }[]>}
 */
export async function listCoupons(username, page) {
  const response = await send('GET', `${couponsPath(username)}?page=${page}`);
  return response.status === 204 ? [] : (await response.json()).data;
}
