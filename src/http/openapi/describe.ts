import { STATUS_CODES } from 'node:http';
import { z } from 'zod';
import {
  liveCouponSchema,
  liveFiguresSchema,
  liveSnapshotSchema,
  rehearsalProgressSchema,
} from '../../live/figures.ts';
import { createCouponBody, createCouponsBody, redemptionBody, restockBody, termsBody } from '../changes/bodies.ts';
import { type Problem, problemOf, RETRY_AFTER_MIN_SECONDS } from '../errors.ts';
import {
  countedCoupon,
  couponReply,
  couponsReply,
  customerCoupon,
  historyEvent,
  historyReply,
  holder,
  holdersReply,
  sellerCoupon,
} from '../lists/listReplies.ts';
import { credentials, registerUserBody, rehearsalBody } from '../requests.ts';
import {
  doneReply,
  grabbedReply,
  loggedInReply,
  loggedOutReply,
  problemReply,
  redemptionReply,
  undoneReply,
} from '../responses.ts';

// Builds the parts of an operation in the OpenAPI document. Bodies are described by the schemas that validate or type them, and the
// examples of refusals are the refusals themselves.

/** The schemas that have a name in the document. */
const named = {
  NewUser: registerUserBody,
  Credentials: credentials,
  NewCoupon: createCouponBody,
  NewCoupons: createCouponsBody,
  Restock: restockBody,
  TermsChange: termsBody,
  Redemption: redemptionBody,
  NewRehearsal: rehearsalBody,
  Done: doneReply,
  Grabbed: grabbedReply,
  Redeemed: redemptionReply,
  Undone: undoneReply,
  LoggedIn: loggedInReply,
  LoggedOut: loggedOutReply,
  CustomerCoupon: customerCoupon,
  SellerCoupon: sellerCoupon,
  Coupons: couponsReply,
  CountedCoupon: countedCoupon,
  Coupon: couponReply,
  Holder: holder,
  Holders: holdersReply,
  HistoryEvent: historyEvent,
  History: historyReply,
  LiveCoupon: liveCouponSchema,
  RehearsalProgress: rehearsalProgressSchema,
  LiveSnapshot: liveSnapshotSchema,
  LiveFigures: liveFiguresSchema,
  Problem: problemReply,
} as const;

type Name = keyof typeof named;
type Example<N extends Name> = z.input<(typeof named)[N]>;

export interface Operation {
  operationId: string;
  tags: string[];
  summary: string;
  description: string;
  /** When absent, the operation needs a token, which is the default of the document. */
  security?: object[];
  parameters?: object[];
  requestBody?: object;
  responses: Record<string, object>;
}
/** Operations by path, then by method in lower case. */
export type Paths = Record<string, Record<string, Operation>>;

const refTo = (name: string) => `#/components/schemas/${name}`;

/** The paths of several parts of the document; two parts may have methods of one path. */
export function mergePaths(...parts: readonly Paths[]): Paths {
  const merged: Paths = {};
  for (const [path, methods] of parts.flatMap(Object.entries<Paths[string]>))
    merged[path] = { ...merged[path], ...methods };
  return merged;
}

/** Removes `$schema` and `$id`, which belong into a document that is a single schema. */
const embedded = ({ $schema, $id, ...schema }: Record<string, unknown>) => schema;

/**
 * What code generators and validators of other languages understand. Go's regular expressions have no lone surrogates and Python's
 * no `\\p{}`, so a pattern over Unicode classes stays out; the description of its field has the rule in words. A constant is an enum
 * of one: orval makes no valid TypeScript of an empty constant.
 */
function portable({ jsonSchema }: { jsonSchema: z.core.JSONSchema.BaseSchema }): void {
  const isPortable = ({ pattern }: { pattern?: string }) => pattern === undefined || !/\\[pPu]/.test(pattern);
  if (!isPortable(jsonSchema)) delete jsonSchema.pattern;
  if (jsonSchema.allOf?.every((part) => !isPortable(part))) delete jsonSchema.allOf;
  if (jsonSchema.const !== undefined) {
    jsonSchema.enum = [jsonSchema.const];
    delete jsonSchema.const;
  }
}

export function namedSchemas(): Record<string, object> {
  const registry = z.registry<{ id: string }>();
  for (const [id, schema] of Object.entries(named)) registry.add(schema, { id });
  const { schemas } = z.toJSONSchema(registry, { io: 'input', uri: refTo, override: portable });
  return Object.fromEntries(Object.entries(schemas).map(([name, schema]) => [name, embedded({ ...schema })]));
}

/** The schema of a parameter or header. It describes the parsed value, such as an integer, and not the text that is sent. */
export const plainSchema = (schema: z.ZodType) =>
  embedded(z.toJSONSchema(schema, { io: 'output', override: portable }));

export const pathParameter = (name: string, description: string, example: string) => ({
  name,
  in: 'path',
  required: true,
  description,
  schema: { type: 'string' },
  example,
});

/** A body that is an object, or an array of such objects. */
export const requestBodyOrList = <N extends Name>(name: N, list: Name, example: Example<N>) => ({
  required: true,
  description: 'A JSON object, or an array of such objects, sent as `application/json`. Keys match in any case.',
  content: { 'application/json': { schema: { oneOf: [{ $ref: refTo(name) }, { $ref: refTo(list) }] }, example } },
});

export const requestBody = <N extends Name>(name: N, example: Example<N>) => ({
  required: true,
  description: 'A JSON object, sent as `application/json`. Keys match in any case: `Username` is `username`.',
  content: { 'application/json': { schema: { $ref: refTo(name) }, example } },
});

/** The parameters of a query string, which the schema validates. */
export const queryParameters = <Query extends z.ZodObject>(
  query: Query,
  examples: { [Name in keyof Query['shape']]: z.output<Query>[Name] },
) =>
  Object.entries(query.shape).map(([name, schema]) => ({
    name,
    in: 'query',
    schema: plainSchema(schema as z.ZodType),
    example: examples[name],
  }));

export const header = (schema: z.ZodType, description: string) => ({ description, schema: plainSchema(schema) });

export const reply = <N extends Name>(description: string, name: N, example: Example<N>, headers?: object) => ({
  description,
  ...(headers === undefined ? {} : { headers }),
  content: { 'application/json': { schema: { $ref: refTo(name) }, example } },
});

/**
 * A stream of server-sent events; `events` has the schema of each event by the event's name. OpenAPI 3.1 can describe a stream only
 * as text, so the keywords inside the text schema are those of OpenAPI 3.2.
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
                event: { type: 'string', enum: [event] },
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

/** The answers to these inputs, all of which the schema rejects. */
export const refusedBy = (schema: z.ZodType, ...inputs: unknown[]): Problem[] =>
  inputs.map((input) => problemOf(schema.safeParse(input).error));

const meanings: Record<number, string> = {
  400: 'The request is invalid; `errMsg` gives the reason.',
  401: 'The request is not authorized; `errMsg` gives the reason.',
  404: 'There is no such thing; `errMsg` says what.',
  409: 'The request does not fit the present state; `errMsg` gives the reason.',
  413: 'The body is larger than 16 KiB; an array of coupons may have 256 KiB.',
  422: 'The request contradicts an earlier request; `errMsg` gives the reason.',
  503: 'The system cannot decide at the moment, or the outcome is unknown. A 503 is never a refusal: retry.',
};
const retryAfter = header(z.int().min(RETRY_AFTER_MIN_SECONDS), 'The number of seconds to wait before a retry.');

/** The responses for these problems, by status. Each problem is an example in the response of its status. */
export function problems(...all: Problem[]): Record<string, object> {
  const examplesOf = (status: number) =>
    Object.fromEntries(
      all.filter((one) => one.status === status).map(({ body }) => [exampleName(body), { value: body }]),
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

const exampleName = ({ errMsg, hint, place }: Problem['body']) =>
  slug(hint ?? (place === undefined ? errMsg : `${errMsg} place ${place}`));

const slug = (sentence: string) =>
  sentence
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-|-$/g, '');
