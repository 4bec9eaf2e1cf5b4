import { STATUS_CODES } from 'node:http';
import { z } from 'zod';
import {
  liveCouponSchema,
  liveFiguresSchema,
  liveSnapshotSchema,
  rehearsalProgressSchema,
} from '../../live/figures.ts';
import { type Problem, problemOf, RETRY_AFTER_SECONDS } from '../errors.ts';
import { createCouponBody, credentials, registerUserBody, rehearsalBody } from '../requests.ts';
import {
  couponsReply,
  customerCoupon,
  doneReply,
  loggedInReply,
  loggedOutReply,
  problemReply,
  sellerCoupon,
} from '../responses.ts';

// How an operation of the OpenAPI document is put together. What a body is like comes from the schema that validates or types it,
// and what a refusal says from the refusal.

/** The schemas that have a name in the document. */
const named = {
  NewUser: registerUserBody,
  Credentials: credentials,
  NewCoupon: createCouponBody,
  NewRehearsal: rehearsalBody,
  Done: doneReply,
  LoggedIn: loggedInReply,
  LoggedOut: loggedOutReply,
  CustomerCoupon: customerCoupon,
  SellerCoupon: sellerCoupon,
  Coupons: couponsReply,
  LiveCoupon: liveCouponSchema,
  RehearsalProgress: rehearsalProgressSchema,
  LiveSnapshot: liveSnapshotSchema,
  LiveFigures: liveFiguresSchema,
  Problem: problemReply,
} as const;

type Name = keyof typeof named;
type Example<Of extends Name> = z.input<(typeof named)[Of]>;

export interface Operation {
  operationId: string;
  tags: string[];
  summary: string;
  description?: string;
  /** Absent: what the whole document says, a token. */
  security?: object[];
  parameters?: object[];
  requestBody?: object;
  responses: Record<string, object>;
}
/** By path, then by method in lower case. */
export type Paths = Record<string, Record<string, Operation>>;

const refTo = (name: string) => `#/components/schemas/${name}`;

/** `$schema` and `$id` are for a schema that stands alone. */
const withoutItsHead = ({ $schema, $id, ...schema }: Record<string, unknown>) => schema;

export function namedSchemas(): Record<string, object> {
  const registry = z.registry<{ id: string }>();
  for (const [id, schema] of Object.entries(named)) registry.add(schema, { id });
  const { schemas } = z.toJSONSchema(registry, { io: 'input', uri: refTo });
  return Object.fromEntries(Object.entries(schemas).map(([name, schema]) => [name, withoutItsHead({ ...schema })]));
}

/** Of a parameter or header. What goes in as text is described as what it is read as. */
export const plainSchema = (schema: z.ZodType) => withoutItsHead(z.toJSONSchema(schema, { io: 'output' }));

export const pathParameter = (name: string, description: string, example: string) => ({
  name,
  in: 'path',
  required: true,
  description,
  schema: { type: 'string' },
  example,
});

export const requestBody = <Of extends Name>(name: Of, example: Example<Of>) => ({
  required: true,
  content: { 'application/json': { schema: { $ref: refTo(name) }, example } },
});

export const header = (schema: z.ZodType, description: string) => ({ description, schema: plainSchema(schema) });

export const reply = <Of extends Name>(description: string, name: Of, example: Example<Of>, headers?: object) => ({
  description,
  ...(headers === undefined ? {} : { headers }),
  content: { 'application/json': { schema: { $ref: refTo(name) }, example } },
});

/**
 * A stream of server-sent events, by their names. OpenAPI 3.1 knows no more of it than that it is text; what is in the text
 * stands in the words of 3.2.
 */
export const eventStream = (description: string, events: Record<string, Name>, example: string) => ({
  description,
  content: {
    'text/event-stream': {
      schema: {
        type: 'string',
        contentMediaType: 'text/event-stream',
        contentSchema: {
          type: 'array',
          items: {
            oneOf: Object.entries(events).map(([event, name]) => ({
              type: 'object',
              required: ['event', 'data'],
              properties: {
                event: { const: event },
                data: { type: 'string', contentMediaType: 'application/json', contentSchema: { $ref: refTo(name) } },
              },
            })),
          },
        },
      },
      example,
    },
  },
});

/** What the schema refuses each of these inputs with. */
export const refusedBy = (schema: z.ZodType, ...inputs: unknown[]): Problem[] =>
  inputs.map((input) => problemOf(schema.safeParse(input).error));

const meanings: Record<number, string> = {
  400: 'The request is wrong, and `errMsg` says how.',
  401: 'Not allowed to whoever sent it.',
  409: 'Not now: something of its kind is under way.',
  413: 'The body is over 16 KiB.',
  422: 'It does not go with an earlier request.',
  503: 'The system cannot say right now, or the outcome is unknown. Never a refusal: ask again.',
};
const retryAfter = header(z.int().min(RETRY_AFTER_SECONDS), 'Seconds until it is worth asking again.');

/** The responses to these problems, by status. Each problem is an example of its response. */
export function problems(...all: Problem[]): Record<string, object> {
  const examplesOf = (status: number) =>
    Object.fromEntries(
      all.filter((one) => one.status === status).map(({ body }) => [slug(body.errMsg), { value: body }]),
    );
  return Object.fromEntries(
    [...new Set(all.map(({ status }) => status))].map((status) => [
      status,
      {
        description: meanings[status] ?? `${STATUS_CODES[status]}.`,
        ...(status === 503 ? { headers: { 'Retry-After': retryAfter } } : {}),
        content: { 'application/json': { schema: { $ref: refTo('Problem') }, examples: examplesOf(status) } },
      },
    ]),
  );
}

const slug = (sentence: string) =>
  sentence
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-|-$/g, '');
