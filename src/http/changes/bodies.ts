import { z } from 'zod';
import { readCode } from '../../coupon/code.ts';
import type { TermsChange } from '../../coupon/decide.ts';
import { COUPON_NAME_MAX, NO_SPACE_AT_AN_END, PRINTABLE } from '../../coupon/names.ts';
import { isEmptyWindow } from '../../coupon/state.ts';
import { atMost, text, time, wholeNumber } from '../fields.ts';

// The bodies of the requests that create and change coupons. The answer to an invalid request is the first issue that its schema
// finds, so fields and checks stand in the order that the contract gives.

/**
 * In bytes of UTF-8, since the limit bounds what a coupon takes in Redis and in each list. The contract names no limit; this one is some
 * ten times the length of a long description.
 */
const DESCRIPTION_MAX_BYTES = 4_096;
const PER_CUSTOMER_MAX = 1_000;

const stock = wholeNumber(0, 'Stock field wrong format.').meta({ description: 'Face value.' });
const description = z
  .string('Field description should be a string.')
  .refine((value) => value.isWellFormed(), 'Coupon description has unsupported characters.')
  .refine((value) => Buffer.byteLength(value) <= DESCRIPTION_MAX_BYTES, 'Coupon description too long.')
  .meta({ maxLength: DESCRIPTION_MAX_BYTES, description: `At most ${DESCRIPTION_MAX_BYTES} bytes in UTF-8.` });
const timeOf = (field: string, meaning: string) =>
  time(`${field} field wrong format.`).meta({
    description: `${meaning} ISO 8601 with a time zone, or milliseconds since 1970, on the clock of Redis.`,
  });
const startsAt = timeOf('StartsAt', 'Grabs succeed from this time on.');
const endsAt = timeOf('EndsAt', 'Grabs succeed before this time.');
const validFrom = timeOf('ValidFrom', 'Codes can be redeemed from this time on.');
const validUntil = timeOf('ValidUntil', 'Codes can be redeemed before this time.');

type Windows = Pick<TermsChange, 'startsAt' | 'endsAt' | 'validFrom' | 'validUntil'>;
const EMPTY_SALE_WINDOW = 'EndsAt should be after startsAt.';
const EMPTY_VALIDITY = 'ValidUntil should be after validFrom.';
const hasSaleWindow = ({ startsAt, endsAt }: Windows) => !isEmptyWindow(startsAt, endsAt);
const hasValidity = ({ validFrom, validUntil }: Windows) => !isEmptyWindow(validFrom, validUntil);

/** An absent or null time means no limit. */
const optional = <T extends z.ZodType>(field: T) => field.nullish().transform((value) => value ?? undefined);

export const createCouponBody = z
  .object({
    name: text('name', 'Coupon name or description should not be empty.')
      .min(1, 'Coupon name or description should not be empty.')
      .regex(PRINTABLE, 'Coupon name has unsupported characters.')
      .regex(NO_SPACE_AT_AN_END, 'Coupon name has unsupported characters.')
      .apply(atMost(COUPON_NAME_MAX, 'Coupon name too long.'))
      .meta({
        description: 'Printable characters of any script but `/`, without a space at either end. Case-sensitive.',
      }),
    description: description.nullish().transform((value) => value ?? ''),
    amount: wholeNumber(1, 'Amount field wrong format.').meta({ description: 'Number of pieces.' }),
    stock,
    startsAt: optional(startsAt),
    endsAt: optional(endsAt),
    validFrom: optional(validFrom),
    validUntil: optional(validUntil),
    perCustomer: wholeNumber(1, 'PerCustomer field wrong format.', PER_CUSTOMER_MAX)
      .nullish()
      .transform((pieces) => (pieces === 1 ? undefined : (pieces ?? undefined)))
      .meta({ description: 'Pieces that one customer may hold: 1 if absent.' }),
  })
  .refine(hasSaleWindow, EMPTY_SALE_WINDOW)
  .refine(hasValidity, EMPTY_VALIDITY);

const COUPONS_MAX = 100;
const WRONG_NUMBER_OF_COUPONS = `Create 1 to ${COUPONS_MAX} coupons at once.`;
const listOf = <T extends z.ZodType>(element: T) =>
  z.array(element).min(1, WRONG_NUMBER_OF_COUPONS).max(COUPONS_MAX, WRONG_NUMBER_OF_COUPONS);
/** Several coupons, all of which are created or none. */
export const createCouponsBody = listOf(createCouponBody);
/** The same without the checks of the coupons: each is checked by itself, so that its answer has its place. */
export const couponList = listOf(z.unknown());

export const restockBody = z.object({
  amount: wholeNumber(1, 'Amount field wrong format.').meta({ description: 'Number of pieces to add.' }),
});

/** A null time removes the limit; an absent field stays as it is. */
export const termsBody = z
  .object({
    description: description.optional(),
    stock: stock.optional(),
    startsAt: startsAt.nullable().optional(),
    endsAt: endsAt.nullable().optional(),
    validFrom: validFrom.nullable().optional(),
    validUntil: validUntil.nullable().optional(),
  })
  .refine((terms) => Object.values(terms).some((value) => value !== undefined), 'No term to change.')
  .refine(hasSaleWindow, EMPTY_SALE_WINDOW)
  .refine(hasValidity, EMPTY_VALIDITY);

const MISTYPED_CODE = 'Mistyped code.';
/** A code in any case, with or without separators; the value has neither. */
export const code = z
  .string({ error: ({ input }) => (input == null ? 'Empty field of code.' : 'Field code should be a string.') })
  .min(1, 'Empty field of code.')
  .transform((typed, ctx) => {
    const read = readCode(typed);
    if (read === undefined) ctx.addIssue({ code: 'custom', message: MISTYPED_CODE });
    return read ?? z.NEVER;
  })
  .meta({ description: 'As printed, such as 7K3M-9QTX-2WEC. Case and separators do not matter.' });
export const redemptionBody = z.object({ code });
