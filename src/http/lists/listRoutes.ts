import type Router from '@koa/router';
import type { Context, Middleware } from 'koa';
import { isOwner } from '../../commands/changes/changeCoupon.ts';
import type { CouponName } from '../../infra/keys.ts';
import { type CouponLog, findCouponLog } from '../../queries/couponLog.ts';
import { listHistory } from '../../queries/listHistory.ts';
import { listHolders, pagesOfHolders } from '../../queries/listHolders.ts';
import { readCoupon } from '../../queries/readCoupon.ts';
import type { System } from '../../system.ts';
import { type Auth, requireClaims } from '../auth.ts';
import { changeRefusals, notAuthorized, respondWith } from '../errors.ts';
import { GRAB_ROUTE } from '../grab.ts';
import type { Reply } from '../responses.ts';
import { respondTagged, toTaggedJson } from '../taggedJson.ts';
import { LIST_ROUTE } from './couponList.ts';
import { fileNameOf, holdersCsv } from './holdersCsv.ts';
import { givenIn, historyQuery, holdersQuery } from './listQueries.ts';
import { sendDownload } from './sendDownload.ts';

/** The routes that read coupons, their holders and their history. `list` answers the lists of coupons that reach the router. */
export function addListRoutes(router: Router, system: System, auth: Auth, list: Middleware): void {
  router.get(LIST_ROUTE, list);

  router.get(GRAB_ROUTE, auth.required, async (ctx) => {
    const coupon = couponIn(ctx);
    const found = await readCoupon(system, coupon);
    if (found === undefined) return respondWith(ctx, changeRefusals['no-such-coupon']);
    const counts = isOwner(requireClaims(ctx), coupon.seller) ? found.counts : {};
    respondTagged(ctx, toTaggedJson({ errMsg: '', data: { ...found.coupon, ...counts } } satisfies Reply));
  });

  router.get(`${GRAB_ROUTE}/holders`, auth.required, async (ctx) => {
    const coupon = ownCouponIn(ctx);
    const query = holdersQuery.parse(givenIn(ctx.query));
    ctx.vary('Accept');
    if (ctx.accepts('application/json', 'text/csv') === 'text/csv') {
      const log = await findCouponLog(system, coupon);
      if (log === undefined) return respondWith(ctx, changeRefusals['no-such-coupon']);
      setProgress(ctx, log);
      const chunks = holdersCsv(pagesOfHolders(system.reads, log, query));
      return sendDownload(ctx, { chunks, fileName: fileNameOf(coupon.name) });
    }
    const page = await listHolders(system, coupon, query);
    if (page === undefined) return respondWith(ctx, changeRefusals['no-such-coupon']);
    setProgress(ctx, page);
    respondWith(ctx, { status: 200, body: { errMsg: '', ...page } });
  });

  router.get(`${GRAB_ROUTE}/history`, auth.required, async (ctx) => {
    const page = await listHistory(system, ownCouponIn(ctx), historyQuery.parse(givenIn(ctx.query)));
    if (page === undefined) return respondWith(ctx, changeRefusals['no-such-coupon']);
    respondWith(ctx, { status: 200, body: { errMsg: '', ...page } });
  });
}

const couponIn = ({ params }: Context): CouponName => ({ seller: params.seller ?? '', name: params.name ?? '' });

/** The coupon of the path; 401 unless the token is that of the coupon's seller. */
function ownCouponIn(ctx: Context): CouponName {
  const coupon = couponIn(ctx);
  if (!isOwner(requireClaims(ctx), coupon.seller)) throw notAuthorized();
  return coupon;
}

/** Headers, because a CSV file has only its rows. */
function setProgress(ctx: Context, { version, behind }: Pick<CouponLog, 'version' | 'behind'>): void {
  ctx.set('Coupon-Version', String(version));
  ctx.set('Coupon-Behind', String(behind));
}
