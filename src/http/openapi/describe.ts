import { STATUS_CODES } from 'node:http';
import { z } from 'zod';
import { type Problem, problemOf, RETRY_AFTER_MIN_SECONDS } from '../errors.ts';
import { type Example, type Name, plainSchema, refTo } from './schemas.ts';

// Builds the parts of an operation in the OpenAPI document. Bodies are described by the schemas that validate or type them, and the
// examples of refusals are the refusals themselves.

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

/** The paths of several parts of the document; two parts may have methods of one path. */
export function mergePaths(...parts: readonly Paths[]): Paths {
  const merged: Paths = {};
  for (const [path, methods] of parts.flatMap(Object.entries<Paths[string]>))
    merged[path] = { ...merged[path], ...methods };
  return merged;
}

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

export const etag = header(z.string(), 'Identifies this version of the content.');
export const notModified = {
  description: 'The content still has the ETag that the request sent in `If-None-Match`.',
  headers: { ETag: etag },
};
export const ifNoneMatch = {
  name: 'If-None-Match',
  in: 'header',
  description: 'The ETag of an earlier answer. While the content is the same, the answer is 304 without a body.',
  schema: { type: 'string' },
  example: '"7nq0kHXcdvF8LJ2pQmWz3A"',
};

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
  403: 'The request is not allowed; `errMsg` gives the reason.',
  404: 'There is no such thing; `errMsg` says what.',
  409: 'The request does not fit the present state; `errMsg` gives the reason.',
  413: 'The body is larger than 16 KiB; an array of coupons may have 256 KiB.',
  422: 'The request contradicts an earlier request; `errMsg` gives the reason.',
  429: 'Too many attempts, requests or open streams; this one was not processed. `errMsg` names the limit.',
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
        ...(status === 503 || status === 429 ? { headers: { 'Retry-After': retryAfter } } : {}),
        content: { 'application/json': { schema: { $ref: refTo('Problem') }, examples: examplesOf(status) } },
      },
    ]),
  );
}

type ProblemResponse = { content: { 'application/json': { examples: object } } };

/** The responses with those of further problems. The responses of these statuses, if there are some, have been made by `problems`. */
export function withProblems(responses: Operation['responses'], ...more: Problem[]): Operation['responses'] {
  const added = problems(...more) as Record<string, ProblemResponse>;
  for (const [status, { content }] of Object.entries(added)) {
    const described = responses[status] as ProblemResponse | undefined;
    Object.assign(content['application/json'].examples, described?.content['application/json'].examples);
  }
  return { ...responses, ...added };
}

const exampleName = ({ errMsg, hint, place }: Problem['body']) =>
  slug(hint ?? (place === undefined ? errMsg : `${errMsg} place ${place}`));

const slug = (sentence: string) =>
  sentence
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-|-$/g, '');
