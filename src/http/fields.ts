import { z } from 'zod';
import { characters } from '../coupon/names.ts';

// The kinds of fields that requests are made of.

// zod counts UTF-16 code units, but the contract and JSON schemas count characters.
export const atLeast = (min: number, errMsg: string) => (text: z.ZodString) =>
  text.refine((value) => characters(value) >= min, errMsg).meta({ minLength: min });
export const atMost = (max: number, errMsg: string) => (text: z.ZodString) =>
  text.refine((value) => characters(value) <= max, errMsg).meta({ maxLength: max });

/** A string field. An absent or null field counts as empty and gets the answer of an empty one. */
export const text = (field: string, ifEmpty: string) =>
  z.string({ error: ({ input }) => (input == null ? ifEmpty : `Field ${field} should be a string.`) });

/** A whole number, as a JSON number or as plain decimal digits. */
export const wholeNumber = (min: number, errMsg: string, max = Number.MAX_SAFE_INTEGER) => {
  const number = z.int(errMsg).min(min, errMsg).max(max, errMsg);
  return z.union([number, z.string().regex(/^\d+$/).transform(Number).pipe(number)], errMsg);
};

/** The largest time in milliseconds that is a safe integer in microseconds: in the year 2255. */
const LATEST_TIME_MS = Math.floor(Number.MAX_SAFE_INTEGER / 1_000);
const isoTime = z.iso.datetime({ offset: true });

/** A time as ISO 8601 with a zone, or in milliseconds since 1970. The value is in microseconds since 1970. */
export const time = (errMsg: string) => {
  const inMicroseconds = z
    .int(errMsg)
    .min(0, errMsg)
    .max(LATEST_TIME_MS, errMsg)
    .transform((ms) => ms * 1_000);
  const isoText = z
    .string()
    .refine((value) => isoTime.safeParse(value).success)
    .meta({ format: 'date-time' });
  const digits = z.string().regex(/^\d+$/).transform(Number);
  return z.union(
    [inMicroseconds, digits.pipe(inMicroseconds), isoText.transform(Date.parse).pipe(inMicroseconds)],
    errMsg,
  );
};
