import { z } from 'zod';
import { COUPON_NAME_MAX, NAME_MAX } from '../../coupon/names.ts';
import { PARTITIONS } from '../../infra/keys.ts';
import { atMost, text } from '../fields.ts';
import { historyQuery } from '../lists/listQueries.ts';

// The requests of operators. An empty parameter of a query string counts as an absent one.

/** With the id of an event and the name of an operator before it, it fits into the column of subscription_changes. */
const REASON_MAX = 400;
const REASON_FORMAT = `Reason field wrong format: 1 to ${REASON_MAX} characters without control characters.`;
const reason = text('reason', REASON_FORMAT)
  .apply(atMost(REASON_MAX, REASON_FORMAT))
  .refine((value) => value.trim() !== '' && !/[\p{Cc}\p{Zl}\p{Zp}]/u.test(value) && value.isWellFormed(), REASON_FORMAT)
  .meta({ description: 'Why; it is logged with the name of the operator.' });

export const actBody = z.object({ reason });
export const skipBody = z.object({
  event: text('event', 'Empty field of event.').min(1, 'Empty field of event.').meta({
    description:
      'The id of the event to leave out. Another one is never skipped, so a repeated request skips no second one.',
  }),
  reason,
});

const LETTERS_MAX = 50;
const LETTERS_FORMAT = `Wrong format of limit: a whole number from 1 to ${LETTERS_MAX}.`;
const LETTER_FORMAT = 'Malformed cursor.';
const letterPattern = /^(\d{1,2})\/(\d{1,15}-\d{1,15})$/;
/** A dead letter, of a cursor or of a path. */
export function letterOf(partition: string, id: string): { partition: number; id: string } | undefined {
  const [, digits = '', entry = ''] = letterPattern.exec(`${partition}/${id}`) ?? [];
  return digits === '' || Number(digits) >= PARTITIONS ? undefined : { partition: Number(digits), id: entry };
}
export const lettersQuery = z.object({
  after: z
    .string(LETTER_FORMAT)
    .refine((cursor) => letterOf(cursor.split('/')[0] ?? '', cursor.split('/')[1] ?? '') !== undefined, LETTER_FORMAT)
    .optional()
    .meta({ description: '`next` of the page before.' }),
  limit: z
    .string(LETTERS_FORMAT)
    .regex(/^\d{1,3}$/, LETTERS_FORMAT)
    .transform(Number)
    .pipe(z.int(LETTERS_FORMAT).min(1, LETTERS_FORMAT).max(LETTERS_MAX, LETTERS_FORMAT))
    .default(20)
    .meta({ description: 'The largest number of dead letters on the page.' }),
});

const couponName = {
  seller: z
    .string('Wrong format of seller.')
    .apply(atMost(NAME_MAX, 'Field seller too long.'))
    .optional()
    .meta({ description: 'The seller of the coupon.' }),
  name: z
    .string('Wrong format of name.')
    .apply(atMost(COUPON_NAME_MAX, 'Coupon name too long.'))
    .optional()
    .meta({ description: 'The name of the coupon.' }),
};
const NAME_NEEDED = 'Name the seller and the coupon.';
export const verificationQuery = z.object(couponName);
export const couponEventsQuery = z.object({
  ...couponName,
  id: z
    .uuid('Wrong format of id.')
    .optional()
    .meta({ description: 'The id of the coupon, in place of the seller and the name.' }),
  ...historyQuery.shape,
});

/** The names of a query string, both of which must be there. */
export const namesIn = z.object({ seller: z.string(NAME_NEEDED), name: z.string(NAME_NEEDED) });
