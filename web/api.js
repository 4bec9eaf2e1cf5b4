import { readSession } from './session.js';

/** A request that did not succeed. `status` is 0 when there was no answer. `message` is the `errMsg` of the API. */
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

/**
 * Plain sentences that the console shows in place of some messages of the API.
 * @type {Record<string, string>}
 */
const plainMessages = {
  'User name too short.': 'Please enter a user name.',
  'Password too short.': 'The password needs at least six characters.',
  'Insert user failed. Maybe user name duplicates.': 'This user name is already taken.',
  'Coupon name or description should not be empty.': 'Please enter a name for the coupon.',
  'Amount field wrong format.': 'The number of pieces must be a whole number, 1 or more.',
  'Stock field wrong format.': 'The face value must be a whole number, 0 or more.',
  'Create failed. Maybe (username,coupon name) duplicates': 'You already have a coupon with this name.',
};

/** @param {unknown} error */
export const messageOf = (error) =>
  error instanceof ApiError ? (plainMessages[error.message] ?? error.message) : String(error);

/** @type {(message: string) => void} */
let sessionEnded = () => {};
/** @param {(message: string) => void} callback called when the API no longer accepts the token */
export function onSessionEnded(callback) {
  sessionEnded = callback;
}

/**
 * Sends one request with the token of this tab. Throws ApiError unless the status is a success.
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
    throw new ApiError(0, 'Cannot reach the server.');
  });
  if (response.ok) return response;
  const message = await response.json().then(
    ({ errMsg }) => String(errMsg),
    () => response.statusText,
  );
  if (message === 'Authorization has expired.') sessionEnded('Your session has expired. Please log in again.');
  else if (message === 'Not Authorized.' && session) sessionEnded('You have been logged out. Please log in again.');
  throw new ApiError(response.status, message);
}

/** @param {string} username */
export const couponsPath = (username) => `/api/users/${encodeURIComponent(username)}/coupons`;

/**
 * One page of a list. The API answers an empty page with 204.
 * @param {string} username
 * @param {number} page
 * @returns {Promise<{ name: string, stock: number, description: string, amount: number, left: number }[]>}
 */
export async function listCoupons(username, page) {
  const response = await send('GET', `${couponsPath(username)}?page=${page}`);
  return response.status === 204 ? [] : (await response.json()).data;
}
