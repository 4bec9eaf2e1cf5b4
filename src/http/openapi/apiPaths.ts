import { z } from 'zod';
import { outcomeSchema } from '../../commands/decideGrabs.ts';
import {
  authorizationExpired,
  bodyTooLarge,
  malformedPath,
  notAuthorized,
  notJson,
  problemOf,
  refusals,
  serviceUnavailable,
} from '../errors.ts';
import { createCouponBody, idempotencyKey, listCouponsQuery, registerUserBody } from '../requests.ts';
import { header, type Paths, pathParameter, plainSchema, problems, refusedBy, reply, requestBody } from './describe.ts';

// What customers and sellers use.

const user = { username: 'ann', password: 'correct horse', kind: 'seller' } as const;
const coupon = { name: 'spring', amount: 20, stock: 5, description: '5 off' };

const badToken = [notAuthorized(), authorizationExpired()];
const badBody = [notJson(), bodyTooLarge()];
const cannotSay = problemOf(new Error('a store is away'));

const tokenHeader = header(z.string(), 'The token.');
const won = header(outcomeSchema.extract(['grabbed']), 'That it was got.');
const notGot = header(outcomeSchema.exclude(['grabbed']), 'Why it was not got.');

export const apiPaths = (): Paths => ({
  '/api/users': {
    post: {
      operationId: 'registerUser',
      tags: ['users'],
      summary: 'Register',
      description: 'The fields are checked in the order of the examples.',
      security: [],
      requestBody: requestBody('NewUser', user),
      responses: {
        201: reply('Registered.', 'Done', { errMsg: '' }),
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
          cannotSay,
        ),
      },
    },
  },
  '/api/auth': {
    post: {
      operationId: 'logIn',
      tags: ['users'],
      summary: 'Log in',
      description: 'An unknown user and a wrong password look the same.',
      security: [],
      requestBody: requestBody('Credentials', { username: user.username, password: user.password }),
      responses: {
        200: reply('Logged in.', 'LoggedIn', { kind: 'seller', errMsg: '' }, { Authorization: tokenHeader }),
        ...problems(...badBody, refusals['wrong-credentials'], cannotSay),
      },
    },
  },
  '/api/auth/logout': {
    post: {
      operationId: 'logOut',
      tags: ['users'],
      summary: 'Log out',
      description: 'The token, if a valid one came, is refused by every process from then on.',
      // With a token or without one.
      security: [{ bearer: [] }, { bare: [] }, {}],
      responses: {
        200: reply('Logged out.', 'LoggedOut', { errMsg: 'log out.' }),
        ...problems(...badBody, cannotSay),
      },
    },
  },
  '/api/users/{username}/coupons': {
    post: {
      operationId: 'createCoupon',
      tags: ['coupons'],
      summary: 'Put up a coupon',
      description: 'Names are per seller: two sellers may both have `spring`.',
      parameters: [pathParameter('username', 'The seller, who must be whose token it is.', 'ann')],
      requestBody: requestBody('NewCoupon', coupon),
      responses: {
        201: reply('Created.', 'Done', { errMsg: '' }),
        ...problems(
          malformedPath(),
          ...badBody,
          ...refusedBy(
            createCouponBody,
            { ...coupon, name: '' },
            { ...coupon, name: 'a/b' },
            { ...coupon, name: 'x'.repeat(101) },
            { ...coupon, amount: 0 },
            { ...coupon, stock: -1 },
          ),
          refusals['duplicate-coupon'],
          ...badToken,
          refusals['not-a-seller'],
          refusals['other-seller'],
          cannotSay,
        ),
      },
    },
    get: {
      operationId: 'listCoupons',
      tags: ['coupons'],
      summary: "List a user's coupons, 20 a page, oldest first",
      description:
        'Of a seller: what they offer, with what is left at this moment; anyone who is logged in may look. ' +
        'Of a customer: what they have grabbed, the last grab included at once; only they themselves may look.',
      parameters: [
        pathParameter('username', 'A seller, or the customer whose token it is.', 'ann'),
        { name: 'page', in: 'query', schema: plainSchema(listCouponsQuery.shape.page), example: 1 },
      ],
      responses: {
        200: reply('A page of coupons.', 'Coupons', { errMsg: '', data: [{ ...coupon, left: 12 }] }),
        204: { description: 'No coupons on that page.' },
        ...problems(
          malformedPath(),
          ...refusedBy(listCouponsQuery, { page: 'x' }),
          refusals['no-such-user'],
          ...badToken,
          refusals['other-customer'],
          cannotSay,
        ),
      },
    },
  },
  '/api/users/{seller}/coupons/{name}': {
    patch: {
      operationId: 'grabCoupon',
      tags: ['coupons'],
      summary: 'Grab a piece',
      description: 'For the customer whose token it is; one piece a customer. A 201 is for ever.',
      parameters: [
        pathParameter('seller', 'Who offers it.', 'ann'),
        pathParameter('name', "The coupon's name.", 'spring'),
        {
          name: 'Idempotency-Key',
          in: 'header',
          description:
            'One a grab, of your choice. Asking again with it is safe: it gets the original answer, and no second piece.',
          schema: plainSchema(idempotencyKey),
          example: 'bob-1',
        },
      ],
      responses: {
        201: reply('It is theirs, durably.', 'Done', { errMsg: '' }, { 'Grab-Outcome': won }),
        204: { description: 'Not got.', headers: { 'Grab-Outcome': notGot } },
        ...problems(
          malformedPath(),
          ...badBody,
          ...refusedBy(idempotencyKey, 'x'.repeat(65)),
          ...badToken,
          refusals['not-a-customer'],
          refusals['key-of-another-coupon'],
          cannotSay,
          serviceUnavailable('too many grabs at once'),
        ),
      },
    },
  },
});
