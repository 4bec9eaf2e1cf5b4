import type { Context, Middleware } from 'koa';
import type { GrabOutcome } from '../commands/decideGrabs.ts';
import { tooMany } from '../commands/grabLine.ts';
import type { CouponName } from '../infra/keys.ts';
import { requireClaims } from './auth.ts';
import { RETRY_AFTER_SECONDS } from './errors.ts';
import { answerGrab, countGrab, GRAB_ROUTE, type RouteDeps, takeGrab } from './routes.ts';

// A grab without a body, which is nearly all that arrives while a sale runs, goes past the router and past koa's own writing of
// answers: together they cost more than the decision. Everything else about it is the route's: the same command, the same boundary for
// errors before it, the same bytes. Whatever is unusual goes on to the route.

const GRAB_PATH = /^\/api\/users\/([^/?#]+)\/coupons\/([^/?#]+)\/?$/;

// A string: Node puts it into one write with the headers, which it doesn't do with bytes.
const WON = '{"errMsg":""}';
const wonHeaders = {
  'Grab-Outcome': 'grabbed',
  'Content-Type': 'application/json; charset=utf-8',
  'Content-Length': WON.length,
};
const refusedHeaders = {
  'sold-out': { 'Grab-Outcome': 'sold-out' },
  'already-grabbed': { 'Grab-Outcome': 'already-grabbed' },
  'no-such-coupon': { 'Grab-Outcome': 'no-such-coupon' },
} as const;

/** Stands behind the boundary for errors and before the router. */
export function hotGrab(deps: RouteDeps): Middleware {
  return (ctx, next) => {
    if (ctx.req.method !== 'PATCH' || hasBody(ctx)) return next();
    const [, rawSeller = '', rawName = ''] = GRAB_PATH.exec(ctx.req.url ?? '') ?? [];
    const [seller, name] = [decoded(rawSeller), decoded(rawName)];
    if (!seller || !name) return next();
    ctx.state.route = GRAB_ROUTE;
    const since = performance.now();
    if (deps.grabLine.isFull()) return turnAway(deps, ctx, { seller, name }, since);
    return deps.auth.required(ctx, async () => {
      const told = toldBefore(deps, ctx, { seller, name });
      if (told !== undefined) {
        countGrab(deps, ctx, { seller, name }, told, since);
        return answer(ctx, told);
      }
      const outcome = await takeGrab(deps, ctx, { seller, name });
      if (outcome === 'not-a-customer' || outcome === 'key-of-another-coupon') return answerGrab(ctx, outcome);
      answer(ctx, outcome);
    });
  };
}

function answer(ctx: Context, outcome: GrabOutcome): void {
  ctx.respond = false;
  if (outcome === 'grabbed') ctx.res.writeHead(201, wonHeaders).end(WON);
  else ctx.res.writeHead(204, refusedHeaders[outcome]).end();
}

/** Asked without a promise on the way: in a flood of tries that have failed before, promises are what is left to save. */
const toldBefore = ({ grabLine }: RouteDeps, ctx: Context, coupon: CouponName) =>
  ctx.req.headers['idempotency-key'] === undefined
    ? grabLine.told(coupon, { customer: requireClaims(ctx).sub, idempotencyKey: '' })
    : undefined;

const TOO_MANY = JSON.stringify(tooMany.body);
const tooManyHeaders = {
  'Retry-After': RETRY_AFTER_SECONDS,
  'Content-Type': wonHeaders['Content-Type'],
  'Content-Length': Buffer.byteLength(TOO_MANY),
};

/** Before anybody looks at the token: at twice what can be decided, what turning away costs is taken from those who win. */
function turnAway(deps: RouteDeps, ctx: Context, coupon: CouponName, since: number): void {
  ctx.state.fault = tooMany;
  countGrab(deps, ctx, coupon, 'unknown', since);
  ctx.respond = false;
  ctx.res.writeHead(tooMany.status, tooManyHeaders).end(TOO_MANY);
}

const hasBody = ({ req: { headers } }: Context) =>
  headers['transfer-encoding'] !== undefined || (headers['content-length'] ?? '0') !== '0';

/** Undefined: malformed, which the next middleware says better. */
function decoded(part: string): string | undefined {
  if (!part.includes('%')) return part;
  try {
    return decodeURIComponent(part);
  } catch {
    return undefined;
  }
}
