import { z } from 'zod';
import { code, redemptionBody, restockBody, termsBody } from '../changes/bodies.ts';
import { alreadyRedeemed, changeRefusals, malformedPath, refusals } from '../errors.ts';
import { idempotencyKey } from '../requests.ts';
import { badBody, badToken, outcomeUnknown, tooManyKeys } from './commonProblems.ts';
import { type Operation, type Paths, pathParameter, problems, refusedBy, reply, requestBody } from './describe.ts';
import { plainSchema } from './schemas.ts';

// The operations that change coupons and pieces.

const seller = pathParameter('seller', 'The seller, who must be the user of the token.', 'ann');
const name = pathParameter('name', 'The name of the coupon.', 'spring');
export const keyHeader = {
  name: 'Idempotency-Key',
  in: 'header',
  description:
    'A string that the client chooses for this request. A retry with the same key is safe: it gets the original answer.',
  schema: plainSchema(idempotencyKey),
  example: 'change-1',
};
const spring = {
  name: 'spring',
  stock: 5,
  description: '5 off',
  amount: 20,
  left: 12,
  status: 'on-sale',
  perCustomer: 1,
  grabbed: 9,
  released: 1,
  redeemed: 3,
} as const;
const redeemed = {
  code: '7K3M-9QTX-2WEC',
  coupon: 'spring',
  customer: 'bob',
  grabbedAt: '2026-11-27T12:00:00.031Z',
  redeemedAt: '2026-11-28T09:30:00.250Z',
};
const { redeemedAt, ...undone } = redeemed;

const always = [
  malformedPath(),
  ...badBody,
  ...refusedBy(idempotencyKey, 'x'.repeat(65)),
  ...badToken,
  tooManyKeys,
  refusals['key-of-another-request'],
  outcomeUnknown,
];
const refused = (...names: (keyof typeof changeRefusals)[]) => names.map((refusal) => changeRefusals[refusal]);

const change = (
  operationId: string,
  summary: string,
  description: string,
  refusalNames: (keyof typeof changeRefusals)[],
  more: Pick<Operation, 'requestBody'> & { invalid?: ReturnType<typeof refusedBy> } = {},
): Paths[string] => {
  const { invalid = [], ...body } = more;
  return {
    post: {
      operationId,
      tags: ['coupons'],
      summary,
      description,
      parameters: [seller, name, keyHeader],
      ...body,
      responses: {
        200: reply('The coupon after the change.', 'Coupon', { errMsg: '', data: spring }),
        ...problems(...always, ...invalid, ...refused('no-such-coupon', ...refusalNames)),
      },
    },
  };
};

export const changePaths = (): Paths => ({
  '/api/users/{seller}/coupons/{name}/restock': change(
    'restockCoupon',
    'Add pieces to a coupon',
    'The new pieces sell within a second on all server processes.',
    ['closed', 'too-many-pieces'],
    { requestBody: requestBody('Restock', { amount: 10 }), invalid: refusedBy(restockBody, { amount: 0 }) },
  ),
  '/api/users/{seller}/coupons/{name}/pause': change(
    'pauseCoupon',
    'Pause the sale of a coupon',
    'Grabs get `paused` until the sale is resumed.',
    ['paused', 'closed'],
  ),
  '/api/users/{seller}/coupons/{name}/resume': change(
    'resumeCoupon',
    'Resume the sale of a coupon',
    'The coupon sells within a second on all server processes.',
    ['not-paused', 'closed'],
  ),
  '/api/users/{seller}/coupons/{name}/close': change(
    'closeCoupon',
    'End the sale of a coupon for ever',
    'Grabs get `closed`. Codes of pieces that customers hold stay good.',
    ['closed'],
  ),
  '/api/users/{seller}/coupons/{name}/terms': change(
    'changeTerms',
    'Change the terms of a coupon',
    'A field that is absent stays as it is, and a null time removes the limit. All see the new terms within a second.',
    ['closed', 'empty-window'],
    {
      requestBody: requestBody('TermsChange', { description: '5 off, today only', endsAt: '2026-11-27T18:00:00Z' }),
      invalid: refusedBy(
        termsBody,
        {},
        { stock: -1 },
        { startsAt: 'noon' },
        { startsAt: '2026-11-27T18:00:00Z', endsAt: '2026-11-27T12:00:00Z' },
      ),
    },
  ),
  '/api/users/{seller}/redemptions': {
    post: {
      operationId: 'redeemCode',
      tags: ['pieces'],
      summary: 'Redeem a code',
      description:
        "For the seller's till. The code may be typed in any case, with or without separators. Of several attempts exactly one " +
        'succeeds.',
      parameters: [seller, keyHeader],
      requestBody: requestBody('Redemption', { code: redeemed.code }),
      responses: {
        200: reply('The code is redeemed.', 'Redeemed', { errMsg: '', data: redeemed }),
        ...problems(
          ...always,
          ...refusedBy(redemptionBody, {}, { code: '7K3M-9QTX-2WED' }),
          ...refused('no-such-code', 'not-valid-yet', 'no-longer-valid'),
          alreadyRedeemed(Date.parse(redeemed.redeemedAt) * 1_000),
        ),
      },
    },
  },
  '/api/users/{seller}/redemptions/{code}': {
    delete: {
      operationId: 'undoRedemption',
      tags: ['pieces'],
      summary: 'Undo the redemption of a code',
      description: 'The code is good again.',
      parameters: [seller, pathParameter('code', 'The code, as for a redemption.', redeemed.code), keyHeader],
      responses: {
        200: reply('The redemption is undone.', 'Undone', { errMsg: '', data: undone }),
        ...problems(...always, ...refusedBy(code, '7K3M-9QTX-2WED'), ...refused('no-such-code', 'not-redeemed')),
      },
    },
  },
  '/api/users/{customer}/coupons/{seller}/{name}': {
    delete: {
      operationId: 'releaseGrab',
      tags: ['pieces'],
      summary: 'Give a piece back',
      description:
        'The customer of the token gives a piece back before its code is redeemed. The code is dead from then on, and any customer ' +
        'may grab the piece.',
      parameters: [
        pathParameter('customer', 'The customer, who must be the user of the token.', 'bob'),
        pathParameter('seller', 'The seller who created the coupon.', 'ann'),
        name,
        {
          name: 'code',
          in: 'query',
          description: 'The code of the piece. It may be absent when the customer holds one piece of the coupon.',
          schema: plainSchema(z.string()),
          example: redeemed.code,
        },
        keyHeader,
      ],
      responses: {
        200: reply('The piece is given back.', 'Done', { errMsg: '' }),
        ...problems(...always, ...refusedBy(code, '7K3M-9QTX-2WED'), ...refused('not-held', 'code-needed', 'redeemed')),
      },
    },
  },
});
