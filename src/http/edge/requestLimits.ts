import type { Context, Middleware } from 'koa';
import type { System } from '../../system.ts';
import { claimsOf } from '../auth.ts';
import { refusals } from '../errors.ts';
import { JSON_TYPE } from './answerHeaders.ts';

type LimitDeps = Pick<System, 'requestLimits' | 'clientAddress'>;
type Limit = 'too-many-requests' | 'too-many-requests-of-address';

/** Checks and metrics are asked for at fixed intervals, and a load balancer that gets 429 would take the server out of service. */
export const unlimitedPaths: ReadonlySet<string> = new Set(['/healthz', '/readyz', '/metrics']);

/** 429 for an address over its limit, before the token is read. */
export const limitAddresses =
  ({ requestLimits, clientAddress }: LimitDeps): Middleware =>
  (ctx, next) => {
    const { req } = ctx;
    const seconds = unlimitedPaths.has(req.url ?? '') ? 0 : requestLimits.ofAddress(clientAddress(req));
    if (seconds === 0) return next();
    refuse(ctx, 'too-many-requests-of-address', seconds);
  };

/** 429 for the user of the token over the limit: for `createAuth`. False when the request is answered. */
export const admitUsers =
  ({ requestLimits }: LimitDeps) =>
  (ctx: Context): boolean => {
    const user = claimsOf(ctx)?.sub;
    const seconds = user === undefined ? 0 : requestLimits.ofUser(user);
    if (seconds > 0) refuse(ctx, 'too-many-requests', seconds);
    return seconds === 0;
  };

/** Without Koa, like the answers of grabs: refusing a flood must cost less than serving it. */
function refuse(ctx: Context, limit: Limit, seconds: number): void {
  const { status, body } = refusals[limit];
  const text = JSON.stringify(body);
  ctx.state.outcome = limit;
  ctx.respond = false;
  ctx.res
    .writeHead(status, {
      'X-Content-Type-Options': 'nosniff',
      'Cache-Control': 'no-store',
      'Retry-After': String(seconds),
      'Content-Type': JSON_TYPE,
      'Content-Length': Buffer.byteLength(text),
    })
    .end(text);
}
