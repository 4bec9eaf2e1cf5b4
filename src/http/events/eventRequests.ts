import { z } from 'zod';
import { USERNAME_MAX } from '../../coupon/names.ts';
import { cloudEventSchema, eventTypeSchema } from '../../subscribers/cloudEvent.ts';
import { placeOf } from '../../subscribers/cursor.ts';
import { atMost } from '../fields.ts';

// The query string of the events, and its answer. An empty parameter counts as an absent one.

const PAGE_MAX = 1_000;
const WAIT_MAX_SECONDS = 30;

const numberOf = (field: string, min: number, max: number) => {
  const errMsg = `Wrong format of ${field}: a whole number from ${min} to ${max}.`;
  return z
    .string(errMsg)
    .regex(/^\d{1,9}$/, errMsg)
    .transform(Number)
    .pipe(z.int(errMsg).min(min, errMsg).max(max, errMsg));
};

const MALFORMED = 'Malformed cursor.';
export const cursorSchema = z
  .string(MALFORMED)
  .refine((cursor) => placeOf(cursor) !== undefined, MALFORMED)
  .meta({
    description:
      'The cursor after which the page begins: `Next-Cursor` of an earlier answer, or the id of an event in a stream. When it is ' +
      'absent, the page begins with the first event that is not archived. A cursor stays good until later events are archived that its ' +
      'reader has not read.',
  });

export const eventsQuery = z.object({
  after: cursorSchema.optional(),
  limit: numberOf('limit', 1, PAGE_MAX).default(100).meta({ description: 'The largest number of events on the page.' }),
  wait: numberOf('wait', 0, WAIT_MAX_SECONDS)
    .default(0)
    .meta({ description: 'How long to wait for an event when there is none, in seconds.' }),
  seller: z
    .string('Wrong format of seller.')
    .apply(atMost(USERNAME_MAX, 'Field seller too long.'))
    .optional()
    .meta({ description: 'Only events of the coupons of this seller.' }),
  type: z
    .string('Wrong format of type.')
    .transform((list) => list.split(','))
    .pipe(z.array(eventTypeSchema, 'Unexpected value of type.').max(20))
    .optional()
    .meta({ description: 'Only events of these types, separated by commas.' }),
});

export const eventsReply = z.array(cloudEventSchema);
