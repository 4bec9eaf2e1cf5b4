import { z } from 'zod';
import { NAME_MAX } from '../../coupon/names.ts';
import { changeRefusals, malformedPath, refusals, serviceUnavailable } from '../errors.ts';
import { historyQuery, holdersQuery, listCouponsQuery } from '../lists/listQueries.ts';
import { badToken, outcomeUnknown } from './commonProblems.ts';
import {
  etag,
  header,
  ifNoneMatch,
  notModified,
  type Paths,
  pathParameter,
  problems,
  queryParameters,
  refusedBy,
  reply,
} from './describe.ts';
import { plainSchema } from './schemas.ts';

// The operations that read coupons.

const coupon = {
  name: 'spring',
  stock: 5,
  description: '5 off',
  amount: 20,
  left: 12,
  status: 'on-sale' as const,
  perCustomer: 1,
  endsAt: '2026-12-24T18:00:00.000Z',
};
const holder = {
  version: 2,
  customer: 'bob',
  code: '7K3M-9QTX-2WEC',
  grabbedAt: '2026-12-01T12:00:00.004Z',
  redeemedAt: '2026-12-02T09:30:00.000Z',
};
const progress = { source: 'mysql' as const, version: 17, behind: 0 };

const mysqlAway = [
  serviceUnavailable('MySQL does not answer'),
  serviceUnavailable('too many lists are read from MySQL'),
  outcomeUnknown,
];
const revalidated = {
  ETag: etag,
  'Cache-Control': header(z.string(), '`private, no-cache`: a client may keep the answer, but asks before each use.'),
};
const stillTheSame = { ...notModified, headers: revalidated };
const couponParameters = [
  pathParameter('seller', 'The seller who created the coupon.', 'ann'),
  pathParameter('name', 'The name of the coupon.', 'spring'),
];
const ofItsSeller =
  'Only the seller of the coupon may read them. They come from MySQL, which usually has an event less than a second after Redis, and ' +
  'later while MySQL is slow (metric `seckill_durable_lag_seconds`). MySQL has all events up to `version`, and `behind` is the number ' +
  'of later events. A client that has read the last page continues with `after` set to its `version`, and misses no event.';

export const listPaths = (): Paths => ({
  '/api/users/{username}/coupons': {
    get: {
      operationId: 'listCoupons',
      tags: ['coupons'],
      summary: "List a user's coupons",
      description:
        'A page has 20 coupons, oldest first. The list of a seller has the coupons that the seller created and how many pieces are ' +
        'left at this moment; any logged-in user may read it. The list of a customer has the pieces that the customer holds, each with ' +
        'its seller, its code and the time of the grab, including the latest grab; only that customer may read it.\n\n' +
        'With `status`, `q` or `sort`, the page of a seller is chosen from what MySQL has, and the values of its coupons are those of ' +
        'this moment. MySQL usually has an event less than a second after Redis, and later while MySQL is slow (metric ' +
        '`seckill_durable_lag_seconds`). So a coupon that has just changed may be missing, or be listed with another status than the ' +
        'one that was asked for. Without these parameters, MySQL is not read.\n\n' +
        'A client that polls sends the `ETag` of its last answer in `If-None-Match`, and gets 304 while the list is the same.',
      parameters: [
        pathParameter('username', 'A seller, or the customer of the token.', 'ann'),
        ...queryParameters(listCouponsQuery, { page: 1, status: 'on-sale', q: 'spr', sort: 'ending' }),
        ifNoneMatch,
      ],
      responses: {
        200: reply('A page of coupons.', 'Coupons', { errMsg: '', data: [coupon] }, revalidated),
        204: { description: 'The page has no coupons.' },
        304: stillTheSame,
        ...problems(
          malformedPath(),
          ...refusedBy(listCouponsQuery, { page: 'x' }, { status: 'x' }, { q: 'x'.repeat(101) }, { sort: 'x' }),
          refusals['no-such-user'],
          refusals['not-a-sellers-list'],
          ...badToken,
          refusals['other-customer'],
          ...mysqlAway,
        ),
      },
    },
  },
  '/api/users/{seller}/coupons/{name}': {
    get: {
      operationId: 'readCoupon',
      tags: ['coupons'],
      summary: 'Read one coupon',
      description:
        'The coupon as it is at this moment, for any logged-in user. Its seller gets the counts of grabs, of pieces given back and of ' +
        'redeemed codes as well.',
      parameters: [...couponParameters, ifNoneMatch],
      responses: {
        200: reply(
          'The coupon.',
          'Coupon',
          { errMsg: '', data: { ...coupon, grabbed: 9, released: 1, redeemed: 4 } },
          revalidated,
        ),
        304: stillTheSame,
        ...problems(malformedPath(), ...badToken, changeRefusals['no-such-coupon'], outcomeUnknown),
      },
    },
  },
  '/api/users/{seller}/coupons/{name}/holders': {
    get: {
      operationId: 'listHolders',
      tags: ['coupons'],
      summary: 'List the pieces that customers hold',
      description:
        `The pieces that were not given back, in the order of their grabs. ${ofItsSeller}\n\n` +
        'With `Accept: text/csv` the answer is a file with all pieces after `after`; `limit` has no effect. The file is UTF-8 with a byte ' +
        'order mark, and its columns are the fields of `Holder`. A cell that a spreadsheet would run as a formula gets an apostrophe in ' +
        'front. When the connection is closed before the end of the response, the file is incomplete.',
      parameters: [...couponParameters, ...queryParameters(holdersQuery, { after: 0, limit: 100, q: 'bo' })],
      responses: {
        200: withCsv(
          reply(
            'The pieces.',
            'Holders',
            { errMsg: '', ...progress, next: 2, data: [holder] },
            {
              'Coupon-Version': header(z.int().min(0), '`version` of the body.'),
              'Coupon-Behind': header(z.int().min(0), '`behind` of the body.'),
            },
          ),
          `${Object.keys(holder).join(',')}\r\n${Object.values(holder).join(',')}\r\n`,
        ),
        ...problems(
          malformedPath(),
          ...refusedBy(holdersQuery, { after: 'x' }, { limit: '0' }, { q: 'x'.repeat(NAME_MAX + 1) }),
          ...badToken,
          changeRefusals['no-such-coupon'],
          ...mysqlAway,
        ),
      },
    },
  },
  '/api/users/{seller}/coupons/{name}/history': {
    get: {
      operationId: 'listHistory',
      tags: ['coupons'],
      summary: 'List the events of a coupon',
      description: `The events in their order; which fields an event has depends on its type. ${ofItsSeller}`,
      parameters: [...couponParameters, ...queryParameters(historyQuery, { after: 0, limit: 100 })],
      responses: {
        200: reply('The events.', 'History', {
          errMsg: '',
          ...progress,
          next: 2,
          data: [
            {
              version: 1,
              type: 'CouponCreated',
              at: '2026-12-01T11:00:00.000Z',
              amount: 20,
              stock: 5,
              description: '5 off',
            },
            { version: 2, type: 'CouponGrabbed', at: holder.grabbedAt, customer: 'bob', left: 19, code: holder.code },
          ],
        }),
        ...problems(
          malformedPath(),
          ...refusedBy(historyQuery, { after: 'x' }, { limit: '0' }),
          ...badToken,
          changeRefusals['no-such-coupon'],
          ...mysqlAway,
        ),
      },
    },
  },
});

const withCsv = (json: ReturnType<typeof reply>, example: string) => ({
  ...json,
  content: { ...json.content, 'text/csv': { schema: plainSchema(z.string()), example } },
});
