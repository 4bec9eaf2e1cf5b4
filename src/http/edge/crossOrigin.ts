import cors from '@koa/cors';
import type { Middleware } from 'koa';

/** The headers of requests that this server reads, beside those that browsers allow without a question. */
const ALLOWED_HEADERS = [
  'Authorization',
  'Content-Type',
  'Idempotency-Key',
  'If-None-Match',
  'X-Request-Id',
  'traceparent',
  'tracestate',
];
/** The headers of answers that a page of another origin may read. */
const EXPOSED_HEADERS = [
  'Grab-Outcome',
  'Authorization',
  'Retry-After',
  'ETag',
  'Coupon-Version',
  'Coupon-Behind',
  'Content-Disposition',
  'X-Request-Id',
];
/** A browser asks again after this time, so an origin that is taken from the list is refused soon. */
const PREFLIGHT_SECONDS = 600;

/**
 * Lets pages of exactly these origins use the API. Credentials of the browser (cookies) are never allowed: this server uses none, and
 * a page sends its token itself.
 */
export function allowOrigins(origins: readonly string[]): Middleware {
  const allowed = new Set(origins);
  return cors({
    origin: (ctx) => (allowed.has(ctx.get('Origin')) ? ctx.get('Origin') : ''),
    allowMethods: ['GET', 'HEAD', 'POST', 'PATCH', 'DELETE'],
    allowHeaders: ALLOWED_HEADERS,
    exposeHeaders: EXPOSED_HEADERS,
    maxAge: PREFLIGHT_SECONDS,
    // The boundary for errors keeps the headers that are set, and some errors are shared by requests.
    keepHeadersOnError: false,
  });
}
