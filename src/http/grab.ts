import type { IncomingMessage } from 'node:http';
import type { Context, Middleware } from 'koa';
import { grabCoupon } from '../commands/grabCoupon.ts';
import { tooManyGrabs } from '../commands/grabLine.ts';
import { groupedCode } from '../coupon/code.ts';
import type { CouponName } from '../infra/keys.ts';
import type { System } from '../system.ts';
import { type Auth, requireClaims } from './auth.ts';
import { JSON_TYPE, UNCACHED } from './edge/answerHeaders.ts';
import { problemOf, refusals, respondWith, retryAfter } from './errors.ts';
import { receivingTime, spanOf } from './observeRequests.ts';
import { readIdempotencyKey, readOptionalBody } from './readRequest.ts';

export const GRAB_ROUTE = '/api/users/:seller/coupons/:name';
const GRAB_PATH = /^\/api\/users\/([^/?#]+)\/coupons\/([^/?#]+)\/?$/;

/**
 * The HTTP of a grab. `beforeRouter` answers every grab whose path has the usual spelling, which is nearly all the traffic of a sale,
 * because the router costs more than the decision. A path with a query or in capitals reaches `route` through the router. Both use
 * the same function, which writes most answers without Koa: Koa's response handling costs as much as the router.
 */
export function createGrabHandlers(system: System, auth: Auth): { beforeRouter: Middleware; route: Middleware } {
  const grab = (ctx: Context, coupon: CouponName): Promise<void> | void => {
    ctx.state.route = GRAB_ROUTE;
    const since = performance.now();
    // Checked before the token is read: under overload, the time spent on refusing grabs is lost for deciding grabs.
    if (system.grabLine.isFull(coupon)) return refuseAsFull(system, ctx, coupon, since);
    return auth.required(ctx, async () => {
      if (hasBody(ctx.req)) await readOptionalBody(ctx);
      const by = requireClaims(ctx);
      const idempotencyKey = readIdempotencyKey(ctx);
      // Synchronous on purpose: under a flood of repeated refusals, promise allocation dominates. A seller gets 401 for every grab.
      const refusal =
        by.kind === 'customer'
          ? system.grabLine.repeatedRefusal(coupon, { customer: by.sub, idempotencyKey })
          : undefined;
      if (refusal !== undefined) {
        record(system, ctx, coupon, refusal.outcome, since);
        return answer(system, ctx, refusal);
      }
      system.tracing.follow(spanOf(ctx), by.sub, coupon);
      try {
        const result = await grabCoupon(system, by, { ...coupon, idempotencyKey });
        record(system, ctx, coupon, result.outcome, since);
        answer(system, ctx, result);
      } catch (error) {
        record(system, ctx, coupon, 'unknown', since);
        throw error;
      }
    });
  };
  return {
    beforeRouter(ctx, next) {
      const coupon = couponOfRequest(ctx.req);
      return coupon === undefined ? next() : grab(ctx, coupon);
    },
    route: (ctx) => grab(ctx, { seller: ctx.params.seller ?? '', name: ctx.params.name ?? '' }),
  };
}

/** The coupon in the path of a grab; undefined when the request is not a grab, or when its path is malformed (answered later). */
function couponOfRequest({ method, url = '' }: IncomingMessage): CouponName | undefined {
  if (method !== 'PATCH') return undefined;
  const [, rawSeller = '', rawName = ''] = GRAB_PATH.exec(url) ?? [];
  const [seller, name] = [decoded(rawSeller), decoded(rawName)];
  return seller && name ? { seller, name } : undefined;
}

/** A part of a path; undefined when its percent-encoding is malformed. */
export function decoded(part: string): string | undefined {
  if (!part.includes('%')) return part;
  try {
    return decodeURIComponent(part);
  } catch {
    return undefined;
  }
}

const hasBody = ({ headers }: IncomingMessage) =>
  headers['transfer-encoding'] !== undefined || (headers['content-length'] ?? '0') !== '0';

/**
 * Records the outcome in metrics, live figures and request log. `outcome` is `unknown` for a 503; `since` is the arrival of the
 * request in milliseconds of performance.now().
 */
function record({ metrics, live }: System, ctx: Context, coupon: CouponName, outcome: string, since: number): void {
  ctx.state.outcome = outcome;
  metrics.countGrab(outcome);
  live.countGrab(coupon, outcome, performance.now() - since - receivingTime(ctx));
}

// A string and not a Buffer: Node sends a string and the headers with one write.
const wonBody = (code: string) => (code === '' ? '{"errMsg":""}' : `{"errMsg":"","code":"${groupedCode(code)}"}`);
const refusedHeaders = {
  'sold-out': { ...UNCACHED, 'Grab-Outcome': 'sold-out' },
  'already-grabbed': { ...UNCACHED, 'Grab-Outcome': 'already-grabbed' },
  'no-such-coupon': { ...UNCACHED, 'Grab-Outcome': 'no-such-coupon' },
  ended: { ...UNCACHED, 'Grab-Outcome': 'ended' },
  paused: { ...UNCACHED, 'Grab-Outcome': 'paused' },
  closed: { ...UNCACHED, 'Grab-Outcome': 'closed' },
} as const;

type Answered = Awaited<ReturnType<typeof grabCoupon>>;

// The common headers are written out in each answer: an object that is spread at every request takes 3 µs, and all headers take 0.6.
function answer({ clock }: System, ctx: Context, result: Answered): void {
  const { outcome } = result;
  switch (outcome) {
    case 'grabbed': {
      const body = wonBody(result.code);
      ctx.respond = false;
      ctx.res
        .writeHead(201, {
          'X-Content-Type-Options': 'nosniff',
          'Cache-Control': 'no-store',
          'Grab-Outcome': outcome,
          'Content-Type': JSON_TYPE,
          'Content-Length': body.length,
        })
        .end(body);
      break;
    }
    case 'not-started': {
      // Without jitter: the sale starts for all customers at the same time. Rounded up, so that no client returns too early.
      const seconds = Math.max(1, Math.ceil((result.startsAt - clock.earliest()) / 1_000_000));
      ctx.respond = false;
      ctx.res
        .writeHead(204, {
          'X-Content-Type-Options': 'nosniff',
          'Cache-Control': 'no-store',
          'Grab-Outcome': outcome,
          'Retry-After': String(seconds),
        })
        .end();
      break;
    }
    case 'sold-out':
    case 'already-grabbed':
    case 'no-such-coupon':
    case 'ended':
    case 'paused':
    case 'closed':
      ctx.respond = false;
      ctx.res.writeHead(204, refusedHeaders[outcome]).end();
      break;
    case 'not-a-customer':
    case 'key-of-another-coupon':
    case 'too-many-keys':
      respondWith(ctx, refusals[outcome]);
      break;
    default:
      outcome satisfies never;
  }
}

const full = problemOf(tooManyGrabs);
const FULL = JSON.stringify(full.body);
const FULL_LENGTH = Buffer.byteLength(FULL);

function refuseAsFull(system: System, ctx: Context, coupon: CouponName, since: number): void {
  ctx.state.fault = tooManyGrabs;
  record(system, ctx, coupon, 'unknown', since);
  ctx.respond = false;
  const headers = {
    'X-Content-Type-Options': 'nosniff',
    'Cache-Control': 'no-store',
    'Retry-After': retryAfter(system.grabLine.secondsToDrain(coupon)),
    'Content-Type': JSON_TYPE,
    'Content-Length': FULL_LENGTH,
  };
  ctx.res.writeHead(full.status, headers).end(FULL);
}
