import type { Context, Middleware } from 'koa';
import type { Log } from '../infra/telemetry/log.ts';
import type { Metrics } from '../infra/telemetry/metrics.ts';
import { readTraceparent } from '../infra/telemetry/traceparent.ts';
import type { RequestSpan, Tracing } from '../infra/telemetry/tracing.ts';
import { claimsOf } from './auth.ts';
import { outcomeOf } from './errors.ts';
import { createRequestLog } from './requestLog.ts';

/** At most 64 characters that need no escaping in a log, a shell or a header. A token of this server never matches: it is longer. */
const REQUEST_ID = /^[\w.:-]{1,64}$/;

/**
 * The outermost middleware, so that it sees the final outcome of a request. One measurement serves the histogram, the log line and
 * the span. The response has an X-Request-Id only if the request had one: the answers to other clients do not change.
 */
export function observeRequests(deps: { metrics: Metrics; tracing: Tracing; log: Log }): Middleware {
  const { metrics, tracing, log } = deps;
  const writeLine = createRequestLog(log);
  return async (ctx, next) => {
    const started = performance.now();
    const { method = '', headers } = ctx.req;
    const requestId = readRequestId(ctx);
    if (requestId !== undefined) ctx.res.setHeader('X-Request-Id', requestId);
    const parent = readTraceparent(headers.traceparent);
    const { tracestate } = headers;
    const span = tracing.startRequest(method, parent, typeof tracestate === 'string' ? tracestate : undefined);
    ctx.state.span = span;

    await next();

    const ms = performance.now() - started;
    const { status } = ctx;
    const route = routeOf(ctx);
    // A client that sends its body slowly must not look like a slow server, in the log or in an alert.
    const receivingMs = receivingTime(ctx);
    metrics.requests.observe(route, route === NO_ROUTE ? '' : method, status, (ms - receivingMs) / 1_000);
    const outcome = outcomeOf(ctx);
    if (status === 429) metrics.countLimited(outcome);
    span?.end({ route, status, outcome });
    const trace = span === undefined ? parent : { ...span, ...parent };
    const user = claimsOf(ctx)?.sub;
    writeLine({ method, route, status, outcome, ms, receivingMs, user, requestId, trace, fault: ctx.state.fault });
  };
}

/** How long the server waited for the body of the request, or for the event that the request waits for, in milliseconds. */
export const receivingTime = (ctx: Context): number => (ctx.state.receivingMs as number | undefined) ?? 0;

/** The span of this request; undefined when the request is not traced. */
export const spanOf = (ctx: Context) => ctx.state.span as RequestSpan | undefined;

function readRequestId({ req }: Context): string | undefined {
  const header = req.headers['x-request-id'];
  return typeof header === 'string' && REQUEST_ID.test(header) ? header : undefined;
}

const NO_ROUTE = 'none';

/** The route's template, never the path: paths are unbounded. A handler before the router sets `ctx.state.route` itself. */
function routeOf(ctx: Context): string {
  const { state, _matchedRoute } = ctx as Context & { _matchedRoute?: unknown };
  if (typeof state.route === 'string') return state.route;
  return typeof _matchedRoute === 'string' ? _matchedRoute : NO_ROUTE;
}
