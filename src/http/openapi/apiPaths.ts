import { z } from 'zod';
import { outcomeSchema } from '../../commands/decideGrabs.ts';
import { createCouponBody, createCouponsBody } from '../changes/bodies.ts';
import { atPlace, malformedPath, refusals, serviceUnavailable } from '../errors.ts';
import { changePasswordBody, idempotencyKey, registerUserBody } from '../requests.ts';
import { keyHeader } from './changePaths.ts';
import { badBody, badToken, outcomeUnknown, tooManyKeys } from './commonProblems.ts';
import {
  header,
  type Paths,
  pathParameter,
  problems,
  refusedBy,
  reply,
  requestBody,
  requestBodyOrList,
} from './describe.ts';
import { plainSchema } from './schemas.ts';

// The operations for customers and sellers.

const user = { username: 'ann', password: 'correct horse', kind: 'seller' } as const;
const coupon = { name: 'spring', amount: 20, stock: 5, description: '5 off' };

const tokenHeader = header(z.string(), 'The token of the new session.');
const won = header(outcomeSchema.extract(['grabbed']), 'The outcome of the grab.');
const startsIn = {
  ...header(z.int().min(1), 'With `not-started`: the number of seconds until the sale starts.'),
  required: false,
};
const notWon = header(outcomeSchema.exclude(['grabbed']), 'Why the customer did not get a piece.');

export const apiPaths = (): Paths => ({
  '/api/users': {
    post: {
      operationId: 'registerUser',
      tags: ['users'],
      summary: 'Register a user',
      description: 'The fields are checked in the order in which the examples of the 400 response list them.',
      security: [],
      requestBody: requestBody('NewUser', user),
      responses: {
        201: reply('The user is registered.', 'Done', { errMsg: '' }),
        ...problems(
          ...badBody,
          ...refusedBy(
            registerUserBody,
            { ...user, username: '' },
            { ...user, username: 'a/b' },
            { ...user, username: 'x'.repeat(65) },
            { ...user, password: '12345' },
            { ...user, kind: '' },
            { ...user, kind: 'king' },
          ),
          refusals['username-taken'],
          refusals['too-many-registrations'],
          outcomeUnknown,
        ),
      },
    },
  },
  '/api/auth': {
    post: {
      operationId: 'logIn',
      tags: ['users'],
      summary: 'Log in',
      description:
        'The response header `Authorization` has the token. An unknown user and a wrong password get the same answer.',
      security: [],
      requestBody: requestBody('Credentials', { username: user.username, password: user.password }),
      responses: {
        200: reply(
          'The user is logged in.',
          'LoggedIn',
          { kind: 'seller', errMsg: '' },
          { Authorization: tokenHeader },
        ),
        ...problems(...badBody, refusals['wrong-credentials'], refusals['too-many-log-ins'], outcomeUnknown),
      },
    },
  },
  '/api/auth/logout': {
    post: {
      operationId: 'logOut',
      tags: ['users'],
      summary: 'Log out',
      description:
        'Revokes the token of the request on all server processes. A request without a valid token gets 200 as well.',
      // The token is optional.
      security: [{ bearer: [] }, { bare: [] }, {}],
      responses: {
        200: reply('The token of the request, if it had one, is revoked.', 'LoggedOut', { errMsg: 'log out.' }),
        ...problems(...badBody, outcomeUnknown),
      },
    },
  },
  '/api/auth/password': {
    post: {
      operationId: 'changePassword',
      tags: ['users'],
      summary: 'Change the password',
      description:
        'Replaces the password of the user of the token, and revokes all tokens of the user on all server processes, the one of the ' +
        'request included. After a 503, log in with the new password, or with the old one if that is refused, and change it again.',
      requestBody: requestBody('NewPassword', { password: user.password, newPassword: 'another horse' }),
      responses: {
        200: reply('The password is changed, and the user must log in again.', 'Done', { errMsg: '' }),
        ...problems(
          ...badBody,
          ...refusedBy(changePasswordBody, { password: user.password, newPassword: '12345' }),
          ...badToken,
          refusals['wrong-password'],
          refusals['too-many-log-ins'],
          outcomeUnknown,
        ),
      },
    },
  },
  '/api/users/{username}/coupons': {
    post: {
      operationId: 'createCoupon',
      tags: ['coupons'],
      summary: 'Create a coupon, or several at once',
      description:
        'The name must be unique among the coupons of the seller: two sellers may both have a coupon `spring`. An array of 1 to 100 ' +
        'coupons creates all of them or none. If one of them is refused, the answer is that of the first one, and `place` is its index ' +
        'in the array, counted from 0; the fields of all coupons are checked before their names. While the coupons are created, a list ' +
        'may show some of them.',
      parameters: [pathParameter('username', 'The seller, who must be the user of the token.', 'ann'), keyHeader],
      requestBody: requestBodyOrList('NewCoupon', 'NewCoupons', coupon),
      responses: {
        201: reply('The coupon is created.', 'Done', { errMsg: '' }),
        ...problems(
          malformedPath(),
          ...badBody,
          ...refusedBy(
            createCouponBody,
            { ...coupon, name: '' },
            { ...coupon, name: 'a/b' },
            { ...coupon, name: 'x'.repeat(101) },
            { ...coupon, description: 'x'.repeat(4_097) },
            { ...coupon, amount: 0 },
            { ...coupon, stock: -1 },
            { ...coupon, startsAt: 'noon' },
            { ...coupon, startsAt: '2026-11-27T18:00:00Z', endsAt: '2026-11-27T12:00:00Z' },
            { ...coupon, validFrom: '2026-11-27T18:00:00Z', validUntil: '2026-11-27T12:00:00Z' },
            { ...coupon, perCustomer: 1_001 },
          ),
          refusals['duplicate-coupon'],
          ...refusedBy(createCouponsBody, []),
          atPlace(refusals['duplicate-coupon'], 1),
          ...refusedBy(idempotencyKey, 'x'.repeat(65)),
          ...badToken,
          tooManyKeys,
          refusals['not-a-seller'],
          refusals['other-seller'],
          refusals['key-of-another-request'],
          refusals['too-many-coupons'],
          outcomeUnknown,
        ),
      },
    },
  },
  '/api/users/{seller}/coupons/{name}': {
    patch: {
      operationId: 'grabCoupon',
      tags: ['coupons'],
      summary: 'Grab a piece of a coupon',
      description:
        'The customer of the token gets one piece, up to the limit of pieces that one customer may hold. A 201 is final: no later ' +
        'failure takes the piece away. Its `code` is what the customer shows at the till.',
      parameters: [
        pathParameter('seller', 'The seller who created the coupon.', 'ann'),
        pathParameter('name', 'The name of the coupon.', 'spring'),
        {
          name: 'Idempotency-Key',
          in: 'header',
          description:
            'A string that the client chooses for one grab. A retry with the same key is safe: it gets the original answer and ' +
            'takes no second piece.',
          schema: plainSchema(idempotencyKey),
          example: 'bob-1',
        },
      ],
      responses: {
        201: reply(
          'The customer has a piece, durably.',
          'Grabbed',
          { errMsg: '', code: '7K3M-9QTX-2WEC' },
          { 'Grab-Outcome': won },
        ),
        204: {
          description: 'The customer did not get a piece.',
          headers: { 'Grab-Outcome': notWon, 'Retry-After': startsIn },
        },
        ...problems(
          malformedPath(),
          ...badBody,
          ...refusedBy(idempotencyKey, 'x'.repeat(65)),
          ...badToken,
          tooManyKeys,
          refusals['not-a-customer'],
          refusals['key-of-another-coupon'],
          outcomeUnknown,
          serviceUnavailable('too many grabs at once'),
        ),
      },
    },
  },
});
