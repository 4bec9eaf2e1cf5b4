import { formatDuration } from '../dom.js';
import { plainMessages } from '../messages.js';
import { readSession } from '../session.js';
import { observeAnswer } from './clock.js';

/** A request without an answer for this long has failed: a connection can be dead although both ends believe in it. */
const ANSWER_LIMIT_MS = 15_000;

/**
 * A request that did not succeed. A refusal is the API's own answer, and another attempt would get it again. Everything else is a failure
 * that passes: no answer, a busy server, or an answer that comes from a proxy and not from the API.
 */
export class ApiError extends Error {
  /**
   * @param {string} message
   * @param {{ isRefusal?: boolean, status?: number, retryAfterMs?: number, body?: any }} [more]
   */
  constructor(message, { isRefusal = false, status = 0, retryAfterMs = 0, body } = {}) {
    super(message);
    this.isRefusal = isRefusal;
    this.status = status;
    this.retryAfterMs = retryAfterMs;
    /** Of an answer that is JSON. */
    this.body = body;
  }
}

/** A limit of the API whose window takes longer is shown to the user, who then decides. */
const LIMIT_RETRY_MAX_MS = 5_000;
/** @param {ApiError} error */
const isLongLimit = ({ status, body, retryAfterMs }) =>
  status === 429 && typeof body?.errMsg === 'string' && retryAfterMs > LIMIT_RETRY_MAX_MS;

/** @param {unknown} error */
export const isTemporary = (error) => error instanceof ApiError && !error.isRefusal && !isLongLimit(error);

/** @param {unknown} error */
export function messageOf(error) {
  if (!(error instanceof ApiError)) return String(error);
  if (error.isRefusal) return plainMessages[error.message]?.text ?? error.message;
  if (isLongLimit(error)) {
    const { errMsg } = error.body;
    return `${plainMessages[errMsg]?.text ?? errMsg} Please try again in ${formatDuration(error.retryAfterMs)}.`;
  }
  return error.status === 503 || error.status === 429 ? 'Server busy' : 'Cannot reach the server';
}

/** @type {(message: string) => void} */
let sessionEnded = () => {};
/** @param {(message: string) => void} callback called when the API no longer accepts the token */
export function onSessionEnded(callback) {
  sessionEnded = callback;
}

/**
 * @typedef {{ json?: object, headers?: Record<string, string>, signal?: AbortSignal, token?: string, limitMs?: number }} RequestOptions
 *   `limitMs`: for an answer that takes longer than others
 */

/**
 * Sends one request, with the token of this tab unless another one is given. Resolves to a response with a status of success.
 * @param {string} method
 * @param {string} path
 * @param {RequestOptions} options
 */
async function request(method, path, { json, headers, signal, token = readSession()?.token }) {
  const response = await fetch(path, {
    method,
    ...(signal && { signal }),
    ...(json && { body: JSON.stringify(json) }),
    headers: {
      ...(token && { Authorization: token }),
      ...(json && { 'Content-Type': 'application/json' }),
      ...headers,
    },
  });
  observeAnswer(response);
  if (response.ok) return response;
  const body = await response.json().catch(() => undefined);
  const message = body?.errMsg;
  const isRefusal = typeof message === 'string' && response.status < 500 && response.status !== 429;
  if (isRefusal && token !== undefined && token === readSession()?.token) {
    if (message === 'Authorization has expired.') sessionEnded('Your session has expired. Please log in again.');
    else if (message === 'Not Authorized.') sessionEnded('You have been logged out. Please log in again.');
  }
  const retryAfterMs = retryAfterOf(response);
  throw new ApiError(isRefusal ? message : response.statusText, {
    isRefusal,
    status: response.status,
    retryAfterMs,
    body,
  });
}

/** The header has seconds or a date. @param {Response} response */
function retryAfterOf(response) {
  const value = response.headers.get('Retry-After') ?? '';
  const ms = /^\d+$/.test(value) ? Number(value) * 1_000 : Date.parse(value) - Date.now();
  return Number.isNaN(ms) ? 0 : Math.max(0, ms);
}

/**
 * Sends one request and reads its answer, in limited time. Throws ApiError unless the API itself answers with success, and the reason of
 * `signal` when that is aborted.
 * @param {string} method
 * @param {string} path
 * @param {RequestOptions} [options]
 * @returns {Promise<{ status: number, headers: Headers, body: any }>} without a body it is undefined
 */
export async function send(method, path, options = {}) {
  const limit = new AbortController();
  const timer = setTimeout(() => limit.abort(), options.limitMs ?? ANSWER_LIMIT_MS);
  const signal = options.signal ? AbortSignal.any([options.signal, limit.signal]) : limit.signal;
  try {
    const response = await request(method, path, { ...options, signal });
    const body = response.status === 204 ? undefined : await response.json();
    if (body !== undefined && typeof body?.errMsg !== 'string') throw new ApiError('not an answer of the API');
    return { status: response.status, headers: response.headers, body };
  } catch (error) {
    options.signal?.throwIfAborted();
    throw error instanceof ApiError ? error : new ApiError(String(error));
  } finally {
    clearTimeout(timer);
  }
}

/**
 * The chunks of the live stream of a seller. `signal` ends it.
 * @param {string} seller
 * @param {AbortSignal} signal
 */
export async function openStream(seller, signal) {
  const response = await request('GET', `/api/live?seller=${encodeURIComponent(seller)}`, { signal });
  if (response.body === null || !response.headers.get('Content-Type')?.startsWith('text/event-stream'))
    throw new ApiError('not a stream of the API');
  return response.body.getReader();
}

/**
 * A file that the API sends, with the name that it suggests. The time until it begins is limited, not the time that it takes.
 * @param {string} path
 * @param {string} type
 * @param {AbortSignal} signal
 */
export async function download(path, type, signal) {
  const limit = new AbortController();
  const timer = setTimeout(() => limit.abort(), ANSWER_LIMIT_MS);
  try {
    const response = await request('GET', path, {
      headers: { Accept: type },
      signal: AbortSignal.any([signal, limit.signal]),
    });
    clearTimeout(timer);
    if (!response.headers.get('Content-Type')?.startsWith(type)) throw new ApiError('not a file of the API');
    const header = response.headers.get('Content-Disposition') ?? '';
    const [, encoded] = /filename\*=UTF-8''([^;]+)/.exec(header) ?? [];
    const [, plain] = /filename="?([^";]+)"?/.exec(header) ?? [];
    const fileName = encoded === undefined ? (plain ?? 'download') : decodeURIComponent(encoded);
    return { blob: await response.blob(), fileName };
  } catch (error) {
    signal.throwIfAborted();
    throw error instanceof ApiError ? error : new ApiError(String(error));
  } finally {
    clearTimeout(timer);
  }
}

/** @param {string} username */
export const couponsPath = (username) => `/api/users/${encodeURIComponent(username)}/coupons`;
/** @param {string} seller @param {string} name */
export const couponPath = (seller, name) => `${couponsPath(seller)}/${encodeURIComponent(name)}`;
/** @param {string} seller */
export const webhooksPath = (seller) => `/api/users/${encodeURIComponent(seller)}/webhooks`;
/** The number of coupons on a full page of a list. */
export const PAGE_SIZE = 20;

/** @typedef {import('../../src/queries/sellers/sellerCoupon.ts').SellerCoupon} SellerCoupon */
/** @typedef {Omit<SellerCoupon, 'startsAt' | 'endsAt'> & { startsAt: number | null, endsAt: number | null }} Offer times as in the live stream */

/**
 * One page of the coupons that a seller offers. The API answers an empty page with 204.
 * @param {string} seller
 * @param {number} page
 * @param {AbortSignal} signal
 * @returns {Promise<Offer[]>}
 */
export async function listOffers(seller, page, signal) {
  /** @type {SellerCoupon[]} */
  const offers = await list(seller, page, signal);
  return offers.map((offer) => ({ ...offer, startsAt: msOf(offer.startsAt), endsAt: msOf(offer.endsAt) }));
}
/** @param {string | undefined} time */
const msOf = (time) => (time === undefined ? null : Date.parse(time));
/**
 * One page of a customer's own coupons.
 * @param {string} customer
 * @param {number} page
 * @param {AbortSignal} signal
 * @returns {Promise<import('../../src/queries/listCustomerCoupons.ts').CustomerCoupon[]>}
 */
export const listOwned = (customer, page, signal) => list(customer, page, signal);

/** @param {string} username @param {number} page @param {AbortSignal} signal */
async function list(username, page, signal) {
  const { body } = await send('GET', `${couponsPath(username)}?page=${page}`, { signal });
  return body?.data ?? [];
}
