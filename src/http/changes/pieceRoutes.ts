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
import { alreadyRedeemed, changeRefusals, notAuthorized, refusals, respondWith } from '../errors.ts';
import { readBody, readIdempotencyKey, readOptionalBody } from '../readRequest.ts';
import { code, redemptionBody } from './bodies.ts';

export const REDEMPTIONS_ROUTE = '/api/users/:seller/redemptions';
export const HELD_ROUTE = '/api/users/:customer/coupons/:seller/:name';

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
      case 'not-the-owner':
      case 'key-of-another-request':
        return respondWith(ctx, refusals[outcome.result]);
      default:
        return respondWith(ctx, changeRefusals[outcome.result]);
    }
  });

  router.delete(`${REDEMPTIONS_ROUTE}/:code`, auth.required, async (ctx) => {
    const seller = ownSellerIn(ctx);
    await readOptionalBody(ctx);
    const given = code.parse(ctx.params.code);
    const command = { seller, code: given, idempotencyKey: readIdempotencyKey(ctx) };
    const outcome = await undoRedemption(system, requireClaims(ctx), command);
    switch (outcome.result) {
      case 'undone':
        return respondWith(ctx, { status: 200, body: { errMsg: '', data: describe(given, outcome) } });
      case 'not-the-owner':
      case 'key-of-another-request':
        return respondWith(ctx, refusals[outcome.result]);
      default:
        return respondWith(ctx, changeRefusals[outcome.result]);
    }
  });

  router.delete(HELD_ROUTE, auth.required, async (ctx) => {
    const by = requireClaims(ctx);
    const { customer = '', seller = '', name = '' } = ctx.params;
    if (by.kind !== 'customer' || by.sub !== customer) throw notAuthorized();
    await readOptionalBody(ctx);
    const given = code.optional().parse(ctx.query.code);
    const command = { customer, seller, name, code: given, idempotencyKey: readIdempotencyKey(ctx) };
    const result = await releaseGrab(system, by, command);
    switch (result) {
      case 'released':
        return respondWith(ctx, { status: 200, body: { errMsg: '' } });
      case 'not-the-holder':
      case 'key-of-another-request':
        return respondWith(ctx, refusals[result]);
      default:
        return respondWith(ctx, changeRefusals[result]);
    }
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
