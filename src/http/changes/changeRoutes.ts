import type Router from '@koa/router';
import type { Context } from 'koa';
import { type ChangeResult, type CouponChange, isOwner } from '../../commands/changes/changeCoupon.ts';
import { changeTerms } from '../../commands/changes/changeTerms.ts';
import { closeCoupon } from '../../commands/changes/closeCoupon.ts';
import { pauseCoupon } from '../../commands/changes/pauseCoupon.ts';
import { restockCoupon } from '../../commands/changes/restockCoupon.ts';
import { resumeCoupon } from '../../commands/changes/resumeCoupon.ts';
import type { CouponName } from '../../infra/keys.ts';
import type { User } from '../../infra/tokens.ts';
import { readCoupon } from '../../queries/readCoupon.ts';
import type { System } from '../../system.ts';
import { type Auth, requireClaims } from '../auth.ts';
import { changeAnswers, notAuthorized, respondWith } from '../errors.ts';
import { GRAB_ROUTE } from '../grab.ts';
import { readBody, readIdempotencyKey, readOptionalBody } from '../readRequest.ts';
import { restockBody, termsBody } from './bodies.ts';

/** The routes by which a seller changes a coupon. Each answers with the coupon as it is after the change. */
export function addChangeRoutes(router: Router, system: System, auth: Auth): void {
  /** `decide` reads the body, where the change has one. */
  const addRoute = (
    change: string,
    decide: (ctx: Context, by: User, coupon: CouponChange) => Promise<ChangeResult>,
  ): void => {
    router.post(`${GRAB_ROUTE}/${change}`, auth.required, async (ctx) => {
      const by = requireClaims(ctx);
      const coupon: CouponName = { seller: ctx.params.seller ?? '', name: ctx.params.name ?? '' };
      // The command checks this too. Here it comes before the body is read, so that the answer is 401 whatever the body is.
      if (!isOwner(by, coupon.seller)) throw notAuthorized();
      const result = await decide(ctx, by, { ...coupon, idempotencyKey: readIdempotencyKey(ctx) });
      if (result !== 'changed') return respondWith(ctx, changeAnswers[result]);
      const found = await readCoupon(system, coupon);
      if (found === undefined) return respondWith(ctx, changeAnswers['no-such-coupon']);
      respondWith(ctx, { status: 200, body: { errMsg: '', data: { ...found.coupon, ...found.counts } } });
    });
  };

  addRoute('restock', async (ctx, by, coupon) => {
    const { amount } = restockBody.parse(await readBody(ctx));
    return restockCoupon(system, by, { ...coupon, amount });
  });
  addRoute('terms', async (ctx, by, coupon) => {
    const terms = termsBody.parse(await readBody(ctx));
    return changeTerms(system, by, { ...coupon, terms });
  });
  for (const [change, handler] of Object.entries({ pause: pauseCoupon, resume: resumeCoupon, close: closeCoupon }))
    addRoute(change, async (ctx, by, coupon) => {
      await readOptionalBody(ctx);
      return handler(system, by, coupon);
    });
}
