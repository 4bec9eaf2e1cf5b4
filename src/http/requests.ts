import { isUtf8 } from 'node:buffer';
import type { Context } from 'koa';
import { parse as parseJson } from 'lossless-json';
import getRawBody from 'raw-body';
import { z } from 'zod';
import { bodyTooLarge, invalidInput, notJson } from './errors.ts';

// What clients may send. A schema's first issue is the answer: fields and checks stand in the order of the contract.

const BODY_LIMIT_BYTES = 16 * 1024;
const PASSWORD_MIN = 6;
const USERNAME_MAX = 64;
const COUPON_NAME_MAX = 100;
const IDEMPOTENCY_KEY_MAX = 64;

// A combining mark (Hindi, Thai, a decomposed accent) belongs to the letter before it.
const USERNAME = /^[\p{L}\p{Nd}._@-][\p{L}\p{M}\p{Nd}._@-]*$/u;
// Printable: no controls, no invisible formatting but the joiners that scripts and emoji need, no line separators.
const PRINTABLE = /^(?:[^\p{C}\p{Zl}\p{Zp}/]|[\u200c\u200d])+$/u;
const NO_SPACE_AT_AN_END = /^\P{Z}(?:.*\P{Z})?$/su;

const characters = (text: string) => [...text].length;

// zod counts UTF-16 units, and a JSON schema characters, as we do.
const atLeast = (min: number, errMsg: string) => (text: z.ZodString) =>
  text.refine((value) => characters(value) >= min, errMsg).meta({ minLength: min });
const atMost = (max: number, errMsg: string) => (text: z.ZodString) =>
  text.refine((value) => characters(value) <= max, errMsg).meta({ maxLength: max });

/** A string field. One that is absent or null counts as empty, and hears what an empty one does. */
const text = (field: string, ifEmpty: string) =>
  z.string({ error: ({ input }) => (input == null ? ifEmpty : `Field ${field} should be a string.`) });

/** A whole number, as a JSON number or as plain decimal digits. */
const wholeNumber = (min: number, errMsg: string, max = Number.MAX_SAFE_INTEGER) => {
  const number = z.int(errMsg).min(min, errMsg).max(max, errMsg);
  return z.union([number, z.string().regex(/^\d+$/).transform(Number).pipe(number)], errMsg);
};

export const registerUserBody = z.object({
  username: text('username', 'User name too short.')
    .min(1, 'User name too short.')
    .regex(USERNAME, 'User name has unsupported characters.')
    .apply(atMost(USERNAME_MAX, 'User name too long.')),
  password: text('password', 'Password too short.').apply(atLeast(PASSWORD_MIN, 'Password too short.')),
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
/** Whatever is not a string can't be anybody's name or password: it is refused as such, and not as malformed. */
export const logInBody = credentials.catch({ username: '', password: '' });

export const createCouponBody = z.object({
  name: text('name', 'Coupon name or description should not be empty.')
    .min(1, 'Coupon name or description should not be empty.')
    .regex(PRINTABLE, 'Coupon name has unsupported characters.')
    .regex(NO_SPACE_AT_AN_END, 'Coupon name has unsupported characters.')
    .apply(atMost(COUPON_NAME_MAX, 'Coupon name too long.')),
  description: z
    .string('Field description should be a string.')
    .refine((description) => description.isWellFormed(), 'Coupon description has unsupported characters.')
    .nullish()
    .transform((description) => description ?? ''),
  amount: wholeNumber(1, 'Amount field wrong format.').meta({ description: 'Pieces.' }),
  stock: wholeNumber(0, 'Stock field wrong format.').meta({ description: 'Face value.' }),
});

/** Pages count from 1; absent, 0 and negative numbers mean the first. */
export const listCouponsQuery = z.object({
  page: z
    .string('Wrong format of page.')
    .regex(/^(-?\d+)?$/, 'Wrong format of page.')
    .transform((page) => Math.max(1, Number(page)))
    .pipe(z.int('Wrong format of page.'))
    .default(1)
    .meta({ description: 'Counted from 1; 0 and negative numbers mean the first.' }),
});

export const idempotencyKey = z.string().apply(atMost(IDEMPOTENCY_KEY_MAX, 'Idempotency-Key too long.'));

export const liveQuery = z.object({
  seller: z
    .string('Field seller should be a string.')
    .min(1, 'Empty field of seller.')
    .meta({ description: 'Whose coupons to watch.' }),
});

export const rehearsalBody = z.object({
  coupon: text('coupon', 'Empty field of coupon.')
    .min(1, 'Empty field of coupon.')
    .meta({ description: "One of the seller's own." }),
  customers: wholeNumber(1, 'Customers field wrong format: a whole number from 1 to 10000.', 10_000),
  seconds: wholeNumber(0, 'Seconds field wrong format: a whole number from 0 to 60.', 60)
    .default(8)
    .meta({ description: 'Over which the crowd arrives.' }),
});

/**
 * The header Idempotency-Key: any string of up to 64 characters; empty when there is none. Node hands headers over byte by byte;
 * what is UTF-8 is read as such.
 */
export function readIdempotencyKey(ctx: Context): string {
  const header = ctx.get('idempotency-key');
  if (header === '') return '';
  const bytes = Buffer.from(header, 'latin1');
  return idempotencyKey.parse(isUtf8(bytes) ? bytes.toString() : bytes.toString('latin1'));
}

/** Parses a JSON object of at most 16 KiB. Keys come out in lower case: clients send `Username` as well as `username`. */
export async function readBody(ctx: Context): Promise<Record<string, unknown>> {
  const body = await readOptionalBody(ctx);
  if (body === undefined) throw notJson();
  return body;
}

/** The same where a body is not needed; undefined when there is none. */
export async function readOptionalBody(ctx: Context): Promise<Record<string, unknown> | undefined> {
  const hasBody = ctx.get('transfer-encoding') !== '' || Number(ctx.get('content-length')) > 0;
  if (!hasBody) return undefined;
  const bytes = await getRawBody(ctx.req, { length: ctx.get('content-length') || null, limit: BODY_LIMIT_BYTES }).catch(
    (error) => {
      throw error.type === 'entity.too.large' ? bodyTooLarge() : notJson();
    },
  );
  if (bytes.length === 0) return undefined;
  const { charset } = ctx.request;
  const isJson = ctx.is('application/json') !== false && (charset === '' || /^utf-?8$/i.test(charset));
  if (!isJson || ctx.get('content-encoding') !== '') throw notJson();
  return withLowerCaseKeys(parseObject(bytes));
}

function parseObject(bytes: Buffer): object {
  let value: unknown;
  try {
    const json = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    // JSON.parse would make 1000 of `1e3` and 20 of `20.0`; the contract takes plain digits alone.
    value = parseJson(json, undefined, (digits) => (/^\d+$/.test(digits) ? Number(digits) : Number.NaN));
  } catch {
    throw notJson();
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw notJson();
  return value;
}

function withLowerCaseKeys(body: object): Record<string, unknown> {
  const entries = Object.entries(body).map(([key, value]) => [key.toLowerCase(), value] as const);
  const once = new Map(entries);
  if (once.size < entries.length) throw invalidInput('Two fields have the same name.');
  return Object.fromEntries(once);
}
