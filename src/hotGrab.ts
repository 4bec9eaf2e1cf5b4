import type { Context, Middleware } from 'koa';
import { answerGrab, GRAB_ROUTE, type RouteDeps, takeGrab } from './routes.ts';

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
    return deps.auth.required(ctx, async () => {
      const outcome = await takeGrab(deps, ctx, { seller, name });
      if (outcome === 'not-a-customer' || outcome === 'key-of-another-coupon') return answerGrab(ctx, outcome);
      ctx.respond = false;
      if (outcome === 'grabbed') ctx.res.writeHead(201, wonHeaders).end(WON);
      else ctx.res.writeHead(204, refusedHeaders[outcome]).end();
    });
  };
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
