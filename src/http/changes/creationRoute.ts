import type Router from '@koa/router';
import type { Context } from 'koa';
import { createCoupons } from '../../commands/batches/createCoupons.ts';
import { createCoupon, refuseCreator } from '../../commands/createCoupon.ts';
import type { System } from '../../system.ts';
import { type Auth, requireClaims } from '../auth.ts';
import { atPlace, problemOf, refusals, respondWith } from '../errors.ts';
import { readIdempotencyKey, readObjectOrArray, toContractObject } from '../readRequest.ts';
import { couponList, createCouponBody } from './bodies.ts';

/** The route by which a seller creates one coupon, sent as an object, or several, sent as an array. */
export function addCreationRoute(router: Router, system: System, auth: Auth): void {
  router.post('/api/users/:username/coupons', auth.required, async (ctx) => {
    const by = requireClaims(ctx);
    const { username: seller = '' } = ctx.params;
    // The commands check this too. Here it comes before the body is read, so that the answer is 401 whatever the body is.
    const refusal = refuseCreator(by, seller);
    if (refusal !== undefined) return respondWith(ctx, refusals[refusal]);
    const body = await readObjectOrArray(ctx);
    if (Array.isArray(body)) {
      const coupons = parseCoupons(body);
      const idempotencyKey = readIdempotencyKey(ctx);
      const result = await createCoupons(system, by, { seller, coupons, idempotencyKey });
      if (typeof result !== 'object') return respondWithResult(ctx, result);
      ctx.state.outcome = result.refusal;
      return respondWith(ctx, atPlace(refusals[result.refusal], result.place));
    }
    const coupon = createCouponBody.parse(body);
    const idempotencyKey = readIdempotencyKey(ctx);
    respondWithResult(ctx, await createCoupon(system, by, { seller, ...coupon, idempotencyKey }));
  });
}

/** Each coupon gets the same checks as one that is created alone, one coupon after the other. */
function parseCoupons(list: readonly unknown[]) {
  return couponList.parse(list).map((element, place) => {
    try {
      return createCouponBody.parse(toContractObject(element));
    } catch (error) {
      throw atPlace(problemOf(error), place);
    }
  });
}

function respondWithResult(ctx: Context, result: Awaited<ReturnType<typeof createCoupon>>): void {
  if (result === 'created') respondWith(ctx, { status: 201, body: { errMsg: '' } });
  else respondWith(ctx, refusals[result]);
}
