import fc, { type Arbitrary } from 'fast-check';
import { createDocument } from '../../src/http/openapi/document.ts';
import { bodyText, hostileText, type Schema, valid } from './values.ts';

// The requests of a fuzz run. They are planned before any is sent, from the seed alone: a plan names users, coupons and codes by
// numbers, which stand for those that the run has met by then (`known.ts`).

export type Value = { text: string } | { known: number };

export interface PlannedRequest {
  kind: 'request';
  operation: string;
  method: string;
  /** With `{name}` for each of `path`. */
  template: string;
  path: Record<string, Value>;
  query: Record<string, string>;
  headers: Record<string, string>;
  /** The number of a user; undefined for no token. */
  caller: number | undefined;
  /** The number of the coupon or code that the request is about. */
  about: number;
  body?: string | Buffer;
  /** The body gets the credentials or the code of something known. */
  bodyIsKnown: boolean;
}
export interface PlannedBytes {
  kind: 'bytes';
  bytes: Buffer;
}
export type Planned = PlannedRequest | PlannedBytes;

interface Parameter {
  name: string;
  in: string;
  schema: Schema;
}

/** A rehearsal would start a crowd of its own, and a stream does not end. */
const LEFT_OUT = ['rehearse', 'watchSales'];
/** Requests that cost little and change nothing are rare. */
const RARE = ['health', 'ready', 'metrics', 'openapi', 'docs', 'docsFile'];

const operations = Object.entries(createDocument().paths)
  .flatMap(([template, methods]) => Object.entries(methods).map(([method, one]) => ({ template, method, ...one })))
  .filter(({ operationId }) => !LEFT_OUT.includes(operationId));

const value: Arbitrary<Value> = fc.oneof(
  { arbitrary: fc.nat({ max: 1_000 }).map((known) => ({ known })), weight: 8 },
  { arbitrary: hostileText.map((text) => ({ text })), weight: 1 },
);

// Node's client refuses to send other characters; PlannedBytes has them.
const headerText = hostileText.map((text) =>
  Buffer.from(text)
    .toString('latin1')
    .replace(/[^\t\x20-\x7e\x80-\xff]/g, '')
    .slice(0, 2_000),
);
const otherHeaders = fc.dictionary(
  fc.constantFrom(
    'Accept',
    'Accept-Encoding',
    'Idempotency-Key',
    'If-None-Match',
    'X-Forwarded-For',
    'Forwarded',
    'Origin',
    'Traceparent',
    'X-Request-Id',
    'Content-Encoding',
    'Expect-Ct',
    'Cookie',
  ),
  headerText,
  { maxKeys: 2 },
);

const optionally = <T>(arbitrary: Arbitrary<T>) => fc.option(arbitrary, { nil: undefined });

function requestOf({
  operationId,
  template,
  method,
  ...operation
}: (typeof operations)[number]): Arbitrary<PlannedRequest> {
  const parameters = (operation.parameters ?? []) as Parameter[];
  const named = (place: string) => parameters.filter((one) => one.in === place);
  const path = Object.fromEntries(named('path').map(({ name }) => [name, value]));
  const query = Object.fromEntries(
    named('query').map(({ name, schema }) => [
      name,
      optionally(fc.oneof({ arbitrary: valid(schema).map(String), weight: 3 }, hostileText)),
    ]),
  );
  const content = (operation.requestBody as { content: Record<string, { schema: Schema }> } | undefined)?.content;
  const schema = content?.['application/json']?.schema ?? { type: 'object' };
  const body =
    method === 'get' ? fc.constant(undefined) : content === undefined ? optionally(bodyText(schema)) : bodyText(schema);
  return fc
    .record({
      path: fc.record(path),
      query: fc.record(query),
      headers: fc.oneof({ arbitrary: fc.constant({}), weight: 3 }, otherHeaders),
      type: fc.oneof(
        { arbitrary: fc.constant('application/json'), weight: 12 },
        fc.constantFrom('text/plain', 'application/json; charset=utf-16', 'application/json; charset=utf-8', 'a/b; ='),
      ),
      key: fc.oneof({ arbitrary: fc.constant(undefined), weight: 3 }, fc.nat({ max: 50 })),
      method: fc.oneof(
        { arbitrary: fc.constant(method.toUpperCase()), weight: 20 },
        fc.constantFrom('HEAD', 'OPTIONS', 'PUT', 'DELETE', 'PATCH', 'POST'),
      ),
      caller: fc.oneof({ arbitrary: fc.nat({ max: 1_000 }), weight: 9 }, fc.constant(undefined)),
      about: fc.nat({ max: 1_000 }),
      body,
      bodyIsKnown: fc.boolean(),
    })
    .map(({ type, key, body, headers, query, ...rest }) => ({
      kind: 'request',
      operation: operationId,
      template,
      query: Object.fromEntries(Object.entries(query).filter(([, one]) => one !== undefined)) as Record<string, string>,
      headers: {
        ...headers,
        ...(body === undefined ? {} : { 'Content-Type': type }),
        ...(key === undefined ? {} : { 'Idempotency-Key': `key-${key}` }),
      },
      ...rest,
      ...(body === undefined ? {} : { body }),
    }));
}

const head = 'POST /api/users HTTP/1.1\r\nHost: x\r\n';
/** What a client of HTTP would never send. */
const bytes: Arbitrary<PlannedBytes> = fc
  .oneof(
    fc.uint8Array({ minLength: 1, maxLength: 300 }).map((raw) => Buffer.from(raw)),
    hostileText.map((text) => Buffer.from(`GET /healthz HTTP/1.1\r\nHost: ${text}\r\nConnection: close\r\n\r\n`)),
    hostileText.map((text) => Buffer.from(`GET /${text} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`)),
    hostileText.map((text) =>
      Buffer.from(
        `GET /healthz HTTP/1.1\r\nHost: x\r\nIdempotency-Key: ${text}\r\nAuthorization: ${text}\r\nConnection: close\r\n\r\n`,
      ),
    ),
    fc
      .constantFrom(
        'GET /healthz HTTP/1.1\r\nHost: a@evil\r\n\r\nGARBAGE GARBAGE\r\n\r\n',
        `${head}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
        `${head}Transfer-Encoding: chunked\r\nContent-Type: application/json\r\n\r\nZZ\r\n{}\r\n0\r\n\r\n`,
        `${head}Content-Length: -1\r\n\r\n{}`,
        `${head}Content-Length: 99999999999999999999\r\n\r\n{}`,
        `${head}${'X-Flood: 1\r\n'.repeat(3_000)}\r\n`,
        `${head}Expect: 100-continue\r\nContent-Length: 2\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n{}`,
        'GET / HTTP/9.9\r\nHost: x\r\n\r\n',
        'GET /healthz HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n',
        'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
        'CONNECT example.com:80 HTTP/1.1\r\nHost: x\r\n\r\n',
      )
      .map((text) => Buffer.from(text, 'latin1')),
  )
  .map((raw) => ({ kind: 'bytes', bytes: raw }));

const planned: Arbitrary<Planned> = fc.oneof(
  ...operations.map((operation) => ({
    arbitrary: requestOf(operation),
    weight: RARE.includes(operation.operationId) ? 1 : 12,
  })),
  { arbitrary: bytes, weight: 6 },
);

/** The requests of one part of a run. The same seed and part plan the same requests. */
export const planRequests = (seed: number, part: number, count: number): Planned[] =>
  fc.sample(planned, { seed: (seed + part * 7_919) | 0, numRuns: count });
