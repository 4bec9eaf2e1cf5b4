import { Ajv2020 } from 'ajv/dist/2020.js';
import * as assert from 'uvu/assert';
import { createDocument } from '../../src/http/openapi/document.ts';

// Compares the answers of a server with the OpenAPI document.

const document = createDocument();
const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => ({ path, method, ...operation })),
);
const operationOf = (id: string) => {
  const operation = operations.find(({ operationId }) => operationId === id);
  assert.ok(operation, `${id} is not in the document`);
  return operation;
};

/** The example of the operation's request body in the document. */
const exampleOf = (id: string) =>
  (operationOf(id).requestBody as { content: { 'application/json': { example: object } } }).content['application/json']
    .example;

// Clients must accept unknown fields, because later versions may add some. Here a field that the document lacks is a mistake.
const closed = JSON.parse(JSON.stringify(document), (_key, value) =>
  value?.type === 'object' && value.properties && value.additionalProperties === undefined
    ? { ...value, additionalProperties: false }
    : value,
);
/** Every time that the server sends is in UTC and to the millisecond. */
const formats = { 'date-time': (value: string) => value === new Date(value).toISOString() };
const ajv = new Ajv2020({ strict: false, allErrors: true, formats }).addSchema(closed, 'document');

/** Throws unless the value fits the schema at this place of the document. */
function mustFit(value: unknown, ...place: (string | number)[]): void {
  const pointer = place.map((part) => encodeURIComponent(String(part).replaceAll('~', '~0').replaceAll('/', '~1')));
  const fits = ajv.compile({ $ref: `document#/${pointer.join('/')}` });
  assert.ok(fits(value), `${place.join(' ')}: ${ajv.errorsText(fits.errors)}, got ${JSON.stringify(value)}`);
}

/** The first event of a stream. The rest is not read, because a stream does not end. */
async function firstEvent(response: Response): Promise<string> {
  let text = '';
  for await (const chunk of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
    text += chunk;
    if (text.includes('\n\n')) break;
  }
  return text;
}

function mustBeEvent(text: string): void {
  const [, event, data = ''] = /^event: (\w+)\ndata: (.*)\n\n/.exec(text) ?? [];
  assert.is(event, 'snapshot');
  mustFit(JSON.parse(data), 'components', 'schemas', 'LiveSnapshot');
}

interface Sent {
  path?: Record<string, string>;
  /** Sent as it is. */
  malformedPath?: string;
  query?: string;
  token?: string;
  headers?: Record<string, string>;
  body?: unknown;
}

export function compareAnswers(url: string) {
  /** Operation and status of the answers so far. */
  const answered = new Set<string>();

  /** Sends a request and compares the answer with the document: status, headers, content type and body. */
  async function send(
    id: string,
    status: number,
    { path = {}, malformedPath, query = '', token, headers, body }: Sent = {},
  ) {
    const operation = operationOf(id);
    const filled =
      malformedPath ?? operation.path.replace(/\{(\w+)\}/g, (_, name) => encodeURIComponent(path[name] ?? ''));
    const json = body === undefined ? {} : { 'content-type': 'application/json' };
    const response = await fetch(`${url}${filled}${query}`, {
      method: operation.method.toUpperCase(),
      headers: { ...json, ...(token === undefined ? {} : { authorization: token }), ...headers },
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
    const [type = ''] = response.headers.get('content-type')?.split(';') ?? [];
    const text = type === 'text/event-stream' ? await firstEvent(response) : await response.clone().text();
    assert.is(response.status, status, `${id}: ${text.slice(0, 200)}`);
    const described = operation.responses[status] as {
      headers?: Record<string, { schema: { type: string }; required?: boolean }>;
      content?: object;
    };
    assert.ok(described, `${id}: the document has no ${status}`);
    const place = ['paths', operation.path, operation.method, 'responses', status];
    for (const [name, { schema, required }] of Object.entries(described.headers ?? {})) {
      const value = response.headers.get(name);
      if (required === false && value === null) continue;
      assert.ok(value, `${id} ${status}: no ${name}`);
      mustFit(schema.type === 'integer' ? Number(value) : value, ...place, 'headers', name, 'schema');
    }
    if (described.content === undefined) assert.is(text, '');
    else {
      const value = /\bjson$/.test(type) ? JSON.parse(text) : text;
      mustFit(value, ...place, 'content', type, 'schema');
    }
    if (type === 'text/event-stream') mustBeEvent(text);
    answered.add(`${id} ${status}`);
    return response;
  }

  return { operations, exampleOf, send, answered };
}
