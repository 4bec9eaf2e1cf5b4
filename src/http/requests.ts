import { z } from 'zod';
import { USERNAME, USERNAME_MAX } from '../coupon/names.ts';
import { atLeast, atMost, text, wholeNumber } from './fields.ts';

// The schemas of the requests. The answer to an invalid request is the first issue that its schema finds, so fields and checks stand
// in the order that the contract gives.

const PASSWORD_MIN = 6;
const IDEMPOTENCY_KEY_MAX = 64;

// The hash is made from UTF-8, in which all halves of surrogate pairs are the same character.
const newPassword = (field: string) =>
  text(field, 'Password too short.')
    .apply(atLeast(PASSWORD_MIN, 'Password too short.'))
    .refine((value) => value.isWellFormed(), 'Password has unsupported characters.');
export const registerUserBody = z.object({
  username: text('username', 'User name too short.')
    .min(1, 'User name too short.')
    .regex(USERNAME, 'User name has unsupported characters.')
    .apply(atMost(USERNAME_MAX, 'User name too long.'))
    .meta({
      description:
        'Letters and digits of any script, `.`, `_`, `-` and `@`. Case-sensitive. A name that differs from an existing one only by ' +
        'Unicode normalization is a duplicate.',
    }),
  password: newPassword('password'),
  kind: z
    // `saler` is an older spelling that clients still send.
    .enum(['customer', 'seller', 'saler'], {
      error: ({ input }) =>
        input == null || input === ''
          ? 'Empty field of kind.'
          : `Unexpected value of kind, ${typeof input === 'string' ? input : JSON.stringify(input)}`,
    })
    .transform((kind) => (kind === 'saler' ? 'seller' : kind)),
});

export const credentials = z.object({ username: z.string(), password: z.string() });
/** A value that is not a string gets the answer of wrong credentials and not that of a malformed request. */
export const logInBody = credentials.catch({ username: '', password: '' });

export const changePasswordBody = z.object({
  password: text('password', 'Password too short.').meta({ description: 'The present password.' }),
  newPassword: newPassword('newPassword'),
});

export const idempotencyKey = z.string().apply(atMost(IDEMPOTENCY_KEY_MAX, 'Idempotency-Key too long.'));

export const liveQuery = z.object({
  seller: z
    .string('Field seller should be a string.')
    .min(1, 'Empty field of seller.')
    .meta({ description: 'The seller whose coupons to watch.' }),
});

export const rehearsalBody = z.object({
  coupon: text('coupon', 'Empty field of coupon.')
    .min(1, 'Empty field of coupon.')
    .meta({ description: "The name of one of the seller's own coupons." }),
  customers: wholeNumber(1, 'Customers field wrong format: a whole number from 1 to 10000.', 10_000),
  seconds: wholeNumber(0, 'Seconds field wrong format: a whole number from 0 to 60.', 60)
    .default(8)
    .meta({ description: 'How long the crowd takes to arrive.' }),
});
