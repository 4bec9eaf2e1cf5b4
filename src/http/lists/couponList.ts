import type { IncomingMessage } from 'node:http';
import type { Context, Middleware } from 'koa';
import { type CouponList, listCoupons } from '../../queries/listCoupons.ts';
import type { CouponSearch } from '../../queries/sellers/searchCoupons.ts';
import type { System } from '../../system.ts';
import { type Auth, requireClaims } from '../auth.ts';
import { refusals, respondWith } from '../errors.ts';
import { decoded } from '../grab.ts';
import { respondTagged, type TaggedJson, toTaggedJson } from '../taggedJson.ts';
import { givenIn, listCouponsQuery } from './listQueries.ts';

export const LIST_ROUTE = '/api/users/:username/coupons';
const PLAIN_LIST = /^\/api\/users\/([\w.%@-]+)\/coupons\/?(?:\?page=(\d{1,9}))?$/;

interface ListRequest {
  username: string;
  page: number;
  search?: CouponSearch | undefined;
}

/**
 * The HTTP of the lists of coupons. `beforeRouter` answers the lists whose URL has the usual spelling, because the router and the
 * parsing of a query cost more than a list. Any other spelling, and a search, reach `route` through the router. Both use the same
 * function.
 */
export function createListHandlers(system: System, auth: Auth): { beforeRouter: Middleware; route: Middleware } {
  const tagged = createTaggedLists();
  const answer = async (ctx: Context, request: ListRequest) => {
    const list = await listCoupons(system, requireClaims(ctx), request);
    if (typeof list === 'string') respondWith(ctx, refusals[list]);
    else if (list.length === 0) ctx.status = 204;
    else respondTagged(ctx, tagged(list));
  };
  return {
    beforeRouter(ctx, next) {
      const request = plainListOf(ctx.req);
      if (request === undefined) return next();
      ctx.state.route = LIST_ROUTE;
      return auth.required(ctx, () => answer(ctx, request));
    },
    route: (ctx) => auth.required(ctx, () => answer(ctx, requestedList(ctx))),
  };
}

/** The list that a URL of the usual spelling names; undefined when the request is for anything else, or its path is malformed. */
function plainListOf({ method, url = '' }: IncomingMessage): ListRequest | undefined {
  if (method !== 'GET') return undefined;
  const [, rawName, page = ''] = PLAIN_LIST.exec(url) ?? [];
  const username = rawName === undefined ? undefined : decoded(rawName);
  return username === undefined ? undefined : { username, page: Math.max(1, Number(page)) };
}

function requestedList(ctx: Context): ListRequest {
  const { page, sort, ...filter } = listCouponsQuery.parse(givenIn(ctx.query));
  const isSearch = sort !== undefined || Object.keys(filter).length > 0;
  const search = isSearch ? { ...filter, sort: sort ?? 'oldest' } : undefined;
  return { username: ctx.params.username ?? '', page, search };
}

/** The body of a list. Requests that share a read have the same array, so its bytes are made once. */
function createTaggedLists(): (list: Exclude<CouponList, string>) => TaggedJson {
  const made = new WeakMap<object, TaggedJson>();
  return (list) => {
    const known = made.get(list);
    if (known !== undefined) return known;
    const tagged = toTaggedJson({ errMsg: '', data: list });
    made.set(list, tagged);
    return tagged;
  };
}
