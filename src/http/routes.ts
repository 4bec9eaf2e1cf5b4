import Router from '@koa/router';
import type { Redis } from 'ioredis';
import type { Context } from 'koa';
import { createCoupon, refuseCreator } from '../commands/createCoupon.ts';
import type { DecisionDeps } from '../commands/decision.ts';
import { grabCoupon } from '../commands/grabCoupon.ts';
import type { GrabLine } from '../commands/grabLine.ts';
import { logIn } from '../commands/logIn.ts';
import { logOut } from '../commands/logOut.ts';
import { registerUser } from '../commands/registerUser.ts';
import type { CouponName } from '../infra/keys.ts';
import type { Passwords } from '../infra/passwords.ts';
import type { Revocations } from '../infra/revocations.ts';
import type { Mysql } from '../infra/stores/mysql.ts';
import type { Metrics } from '../infra/telemetry/metrics.ts';
import type { Tracing } from '../infra/telemetry/tracing.ts';
import type { Live } from '../live/live.ts';
import type { CouponTerms } from '../queries/couponTerms.ts';
import { listCoupons } from '../queries/listCoupons.ts';
import type { Rehearsals } from '../rehearsal/rehearsals.ts';
import { type Auth, claimsOf, requireClaims } from './auth.ts';
import { addConsoleRoutes } from './consoleRoutes.ts';
import { refusals, respondWith, unavailable } from './errors.ts';
import { spanOf } from './observeRequests.ts';
import { docsFiles } from './openapi/docsFiles.ts';
import {
  createCouponBody,
  listCouponsQuery,
  logInBody,
  readBody,
  readIdempotencyKey,
  readOptionalBody,
  registerUserBody,
} from './requests.ts';
import { serveStaticFiles } from './staticFiles.ts';

export interface RouteDeps extends DecisionDeps {
  grabLine: GrabLine;
  couponTerms: CouponTerms;
  redis: Redis;
  mysql: Mysql;
  auth: Auth;
  passwords: Passwords;
  revocations: Revocations;
  metrics: Metrics;
  tracing: Tracing;
  live: Live;
  rehearsals: Rehearsals;
}

export const GRAB_ROUTE = '/api/users/:seller/coupons/:name';

export function createRoutes(deps: RouteDeps): Router {
  const router = new Router();
  const { auth } = deps;

  router.post('/api/users', async (ctx) => {
    const command = registerUserBody.parse(await readBody(ctx));
    const result = await registerUser(deps, command);
    if (result === 'registered') created(ctx);
    else respondWith(ctx, refusals[result]);
  });

  router.post('/api/auth', async (ctx) => {
    const result = await logIn(deps, logInBody.parse(await readBody(ctx)));
    if (result === 'wrong-credentials') return respondWith(ctx, refusals[result]);
    ctx.set('Authorization', result.token);
    respondWith(ctx, { status: 200, body: { kind: result.kind, errMsg: '' } });
  });

  router.post('/api/auth/logout', auth.optional, async (ctx) => {
    await readOptionalBody(ctx);
    await logOut(deps, claimsOf(ctx));
    respondWith(ctx, { status: 200, body: { errMsg: 'log out.' } });
  });

  router.post('/api/users/:username/coupons', auth.required, async (ctx) => {
    const by = requireClaims(ctx);
    const { username: seller = '' } = ctx.params;
    // Asked before the body is read as well: who may not create hears so, whatever the body is like.
    const refusal = refuseCreator(by, seller);
    if (refusal !== undefined) return respondWith(ctx, refusals[refusal]);
    const result = await createCoupon(deps, by, { seller, ...createCouponBody.parse(await readBody(ctx)) });
    if (result === 'created') created(ctx);
    else respondWith(ctx, refusals[result]);
  });

  router.patch(GRAB_ROUTE, auth.required, async (ctx) => {
    const { seller = '', name = '' } = ctx.params;
    await readOptionalBody(ctx);
    answerGrab(ctx, await takeGrab(deps, ctx, { seller, name }));
  });

  router.get('/api/users/:username/coupons', auth.required, async (ctx) => {
    const { username = '' } = ctx.params;
    const { page } = listCouponsQuery.parse(ctx.query);
    const list = await listCoupons(deps, requireClaims(ctx), { username, page });
    if (typeof list === 'string') return respondWith(ctx, refusals[list]);
    if (list.length === 0) ctx.status = 204;
    else respondWith(ctx, { status: 200, body: { errMsg: '', data: list } });
  });

  addConsoleRoutes(router, deps);

  router.get('/healthz', (ctx) => respondWith(ctx, { status: 200, body: { errMsg: '' } }));

  router.get('/metrics', async (ctx) => {
    ctx.body = await deps.metrics.text();
    ctx.set('Content-Type', deps.metrics.contentType);
  });

  router.get('/readyz', async (ctx) => {
    deps.gate.mustBeOpen();
    deps.outboxLimit.mustHaveRoom();
    await deps.redis.ping().catch(() => Promise.reject(unavailable('Redis does not answer')));
    await deps.fence.mustStand();
    await deps.mysql
      .raw('SELECT 1')
      .timeout(2_000)
      .catch(() => Promise.reject(unavailable('MySQL does not answer')));
    respondWith(ctx, { status: 200, body: { errMsg: '' } });
  });

  const docs = serveStaticFiles(docsFiles);
  for (const path of ['/openapi.json', '/docs', '/docs/:file']) router.get(path, docs);

  return router;
}

/** The grab that a request asks for, behind `auth.required`. */
export async function takeGrab(deps: RouteDeps, ctx: Context, coupon: CouponName) {
  const idempotencyKey = readIdempotencyKey(ctx);
  const by = requireClaims(ctx);
  deps.tracing.follow(spanOf(ctx), by.sub, coupon);
  const since = performance.now();
  try {
    const outcome = await grabCoupon(deps, by, { ...coupon, idempotencyKey });
    countGrab(deps, ctx, coupon, outcome, since);
    return outcome;
  } catch (error) {
    countGrab(deps, ctx, coupon, 'unknown', since);
    throw error;
  }
}

/** Everybody who looks on hears of it here. `outcome`: what the grab is answered, `unknown` for a 503; `since`: of performance.now(). */
export function countGrab(deps: RouteDeps, ctx: Context, coupon: CouponName, outcome: string, since: number): void {
  ctx.state.outcome = outcome;
  deps.metrics.countGrab(outcome);
  deps.live.countGrab(coupon, outcome, performance.now() - since);
}

export function answerGrab(ctx: Context, outcome: Awaited<ReturnType<typeof takeGrab>>) {
  if (outcome === 'not-a-customer' || outcome === 'key-of-another-coupon') return respondWith(ctx, refusals[outcome]);
  ctx.set('Grab-Outcome', outcome);
  if (outcome === 'grabbed') created(ctx);
  else ctx.status = 204;
}

const created = (ctx: Context) => respondWith(ctx, { status: 201, body: { errMsg: '' } });
