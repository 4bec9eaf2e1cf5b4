import type Router from '@koa/router';
import type { Context } from 'koa';
import { isOwner } from '../../commands/changes/changeCoupon.ts';
import type { FoundPiece } from '../../commands/pieces/findPiece.ts';
import { redeemCode } from '../../commands/pieces/redeemCode.ts';
import { releaseGrab } from '../../commands/pieces/releaseGrab.ts';
import { undoRedemption } from '../../commands/pieces/undoRedemption.ts';
import { groupedCode } from '../../coupon/code.ts';
import { isoTime } from '../../queries/isoTime.ts';
import type { System } from '../../system.ts';
import { type Auth, requireClaims } from '../auth.ts';
import { alreadyRedeemed, changeAnswers, notAuthorized, respondWith } from '../errors.ts';
import { readBody, readIdempotencyKey, readOptionalBody } from '../readRequest.ts';
import { code, redemptionBody } from './bodies.ts';

const REDEMPTIONS_ROUTE = '/api/users/:seller/redemptions';
const HELD_ROUTE = '/api/users/:customer/coupons/:seller/:name';

/** The routes about one piece: redemption, its undo, and giving back. */
export function addPieceRoutes(router: Router, system: System, auth: Auth): void {
  router.post(REDEMPTIONS_ROUTE, auth.required, async (ctx) => {
    const seller = ownSellerIn(ctx);
    const given = redemptionBody.parse(await readBody(ctx));
    const command = { seller, code: given.code, idempotencyKey: readIdempotencyKey(ctx) };
    const outcome = await redeemCode(system, requireClaims(ctx), command);
    switch (outcome.result) {
      case 'redeemed': {
        const data = { ...describe(given.code, outcome), redeemedAt: isoTime(outcome.redeemedAt) };
        return respondWith(ctx, { status: 200, body: { errMsg: '', data } });
      }
      case 'already-redeemed':
        return respondWith(ctx, alreadyRedeemed(outcome.redeemedAt));
      default:
        return respondWith(ctx, changeAnswers[outcome.result]);
    }
  });

  router.delete(`${REDEMPTIONS_ROUTE}/:code`, auth.required, async (ctx) => {
    const seller = ownSellerIn(ctx);
    await readOptionalBody(ctx);
    const given = code.parse(ctx.params.code);
    const command = { seller, code: given, idempotencyKey: readIdempotencyKey(ctx) };
    const outcome = await undoRedemption(system, requireClaims(ctx), command);
    if (outcome.result !== 'undone') return respondWith(ctx, changeAnswers[outcome.result]);
    respondWith(ctx, { status: 200, body: { errMsg: '', data: describe(given, outcome) } });
  });

  router.delete(HELD_ROUTE, auth.required, async (ctx) => {
    const by = requireClaims(ctx);
    const { customer = '', seller = '', name = '' } = ctx.params;
    if (by.kind !== 'customer' || by.sub !== customer) throw notAuthorized();
    await readOptionalBody(ctx);
    const given = code.optional().parse(ctx.query.code);
    const command = { customer, seller, name, code: given, idempotencyKey: readIdempotencyKey(ctx) };
    const result = await releaseGrab(system, by, command);
    if (result !== 'released') return respondWith(ctx, changeAnswers[result]);
    respondWith(ctx, { status: 200, body: { errMsg: '' } });
  });
}

/** The seller in the path; 401 unless the seller sends the request, before its body is read. */
function ownSellerIn(ctx: Context): string {
  const { seller = '' } = ctx.params;
  if (!isOwner(requireClaims(ctx), seller)) throw notAuthorized();
  return seller;
}

const describe = (given: string, { coupon, customer, grabbedAt }: FoundPiece) => ({
  code: groupedCode(given),
  coupon: coupon.name,
  customer,
  grabbedAt: isoTime(grabbedAt),
});
