import type { z } from 'zod';
import type { CloudEvent } from '../../subscribers/cloudEvent.ts';
import { cursorOf } from '../../subscribers/cursor.ts';
import { cursorOfAnotherLog, eventsAreArchived, notAuthorized, refusals } from '../errors.ts';
import { cursorSchema, eventsQuery } from '../events/eventRequests.ts';
import { BATCH_TYPE } from '../events/eventRoutes.ts';
import { outcomeUnknown } from './commonProblems.ts';
import { header, type Paths, problems, refusedBy } from './describe.ts';
import { plainSchema, refTo } from './schemas.ts';

// The operation for other systems.

const couponId = '01975a3e-7c1b-7c3e-9f0a-0d5b6a1c2e3f';
export const exampleEvent = {
  specversion: '1.0',
  id: `${couponId}:2`,
  source: '/seckill',
  type: 'CouponGrabbed',
  subject: 'ann/spring',
  time: '2026-11-27T12:00:00.031Z',
  datacontenttype: 'application/json',
  partitionkey: couponId,
  sequence: '00000000000000000042',
  data: { coupon: { id: couponId, seller: 'ann', name: 'spring' }, version: 2, customer: 'bob', left: 19 },
} as unknown as CloudEvent;
const cursor = cursorOf(42);
const examples = { after: cursor, limit: 100, wait: 20, seller: 'ann', type: 'CouponGrabbed,GrabReleased' };
/** The text that is sent: the parsed list of types has no form in a URL. */
const textOf = (schema: z.ZodType) => {
  const { type, items, description } = plainSchema(schema) as Record<string, unknown>;
  return items === undefined ? plainSchema(schema) : { type: type === 'array' ? 'string' : type, description };
};
const stream = {
  'text/event-stream': {
    // OpenAPI 3.1 can describe a stream only as text, so the keywords inside are those of OpenAPI 3.2.
    schema: {
      type: 'string',
      contentMediaType: 'text/event-stream',
      contentSchema: {
        type: 'array',
        items: {
          type: 'object',
          required: ['id', 'data'],
          properties: {
            id: { type: 'string' },
            data: {
              type: 'string',
              contentMediaType: 'application/json',
              contentSchema: { $ref: refTo('CloudEvent') },
            },
          },
        },
      },
    },
    example: `id: ${cursor}\ndata: ${JSON.stringify(exampleEvent)}\n\n`,
  },
};

export const eventPaths = (): Paths => ({
  '/api/events': {
    get: {
      operationId: 'readEvents',
      tags: ['events'],
      summary: 'Read the events of all coupons',
      description:
        'For other systems, with a token of `SERVICE_TOKENS`. A reader that keeps `Next-Cursor` and sends it as `after` gets every event ' +
        'at least once, those of one coupon in order. An event that comes again has the same `id`. Codes and idempotency keys are ' +
        'left out. With `Accept: text/event-stream` the answer is a stream that does not end; its event ids are cursors.',
      security: [{ service: [] }],
      parameters: [
        ...Object.entries(eventsQuery.shape).map(([name, schema]) => ({
          name,
          in: 'query',
          schema: textOf(schema),
          example: examples[name as keyof typeof examples],
        })),
        {
          name: 'Last-Event-ID',
          in: 'header',
          description: 'Of a stream: the id of the last event that the client has. It comes before `after`.',
          schema: plainSchema(cursorSchema),
          example: cursor,
        },
      ],
      responses: {
        200: {
          description: 'The events after the cursor; an empty array when there are none.',
          headers: {
            'Next-Cursor': {
              ...header(cursorSchema, 'The cursor for the next page. A stream has none.'),
              required: false,
            },
          },
          content: {
            [BATCH_TYPE]: { schema: { $ref: refTo('CloudEvents') }, example: [exampleEvent] },
            ...stream,
          },
        },
        ...problems(
          ...refusedBy(
            eventsQuery,
            { after: 'x' },
            { limit: '0' },
            { wait: '31' },
            { type: 'None' },
            { seller: 'x'.repeat(65) },
          ),
          cursorOfAnotherLog(),
          eventsAreArchived(),
          notAuthorized(),
          refusals['too-many-event-readers'],
          outcomeUnknown,
        ),
      },
    },
  },
});
