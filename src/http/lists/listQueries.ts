import { z } from 'zod';
import { COUPON_NAME_MAX, NAME_MAX } from '../../coupon/names.ts';
import { atMost } from '../fields.ts';
import { saleStatus } from './listReplies.ts';

// The schemas of the query strings of lists. An empty parameter counts as an absent one.

const SORTS = ['oldest', 'newest', 'name', 'ending'] as const;
const PAGE_MAX = 1_000;

/** An absent page, 0 and negative numbers mean the first page. */
export const listCouponsQuery = z.object({
  page: z
    .string('Wrong format of page.')
    .regex(/^(-?\d+)?$/, 'Wrong format of page.')
    .transform((page) => Math.max(1, Number(page)))
    .pipe(z.int('Wrong format of page.'))
    .default(1)
    .meta({ description: 'The number of the page, counted from 1. 0 and negative numbers mean the first page.' }),
  status: z
    .enum(saleStatus.options, `Unexpected value of status: one of ${saleStatus.options.join(', ')}.`)
    .optional()
    .meta({ description: 'Only coupons with this status.' }),
  q: z
    .string('Wrong format of q.')
    .apply(atMost(COUPON_NAME_MAX, 'Field q too long.'))
    .optional()
    .meta({ description: 'Only coupons whose name begins with this text, compared byte by byte.' }),
  sort: z
    .enum(SORTS, `Unexpected value of sort: one of ${SORTS.join(', ')}.`)
    .optional()
    .meta({
      description:
        'The order; `oldest` if absent. `ending`: the coupons that end, soonest first, then the others, oldest first. `name`: byte by byte.',
    }),
});

const wholeNumber = (field: string, min: number, max: number, range: string) => {
  const errMsg = `Wrong format of ${field}: a whole number ${range}.`;
  return z
    .string(errMsg)
    .regex(/^\d+$/, errMsg)
    .transform(Number)
    .pipe(z.int(errMsg).min(min, errMsg).max(max, errMsg));
};

/** A page of the log or of the holders of a coupon. */
export const historyQuery = z.object({
  after: wholeNumber('after', 0, Number.MAX_SAFE_INTEGER, 'from 0').default(0).meta({
    description: 'The version after which the page begins: `next` of the page before, or `version` of a last page.',
  }),
  limit: wholeNumber('limit', 1, PAGE_MAX, `from 1 to ${PAGE_MAX}`)
    .default(100)
    .meta({ description: 'The largest number of entries on the page.' }),
});

export const holdersQuery = historyQuery.extend({
  q: z
    .string('Wrong format of q.')
    .apply(atMost(NAME_MAX, 'Field q too long.'))
    .default('')
    .meta({ description: 'Only customers whose name begins with this text, compared byte by byte.' }),
});

/** The parameters without the empty ones. */
export const givenIn = (query: Record<string, unknown>) =>
  Object.fromEntries(Object.entries(query).filter(([, value]) => value !== ''));
