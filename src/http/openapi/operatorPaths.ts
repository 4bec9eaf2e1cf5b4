import { z } from 'zod';
import { plainProblem, problemOf, serviceUnavailable } from '../errors.ts';
import { typeOf } from '../staticFiles.ts';
import { etag, notModified, type Paths, problems, reply } from './describe.ts';
import { plainSchema } from './schemas.ts';
import { viewerFiles } from './viewerFiles.ts';

// The operations for operators and for developers of clients.

const file = (description: string, types: readonly string[], schema: z.ZodType) => ({
  description,
  headers: { ETag: etag },
  content: Object.fromEntries(types.map((type) => [type, { schema: plainSchema(schema) }])),
});

export const operatorPaths = (): Paths => ({
  '/healthz': {
    get: {
      operationId: 'health',
      tags: ['operation'],
      summary: 'Check that the process is alive',
      description: 'A liveness check. It does not depend on Redis or MySQL.',
      security: [],
      responses: { 200: reply('The process is alive.', 'Done', { errMsg: '' }) },
    },
  },
  '/readyz': {
    get: {
      operationId: 'ready',
      tags: ['operation'],
      summary: 'Check that the process can decide grabs',
      description:
        'A readiness check: Redis and MySQL reply, the write model is reconciled with the event log, and the outbox has room. While a master of a Redis Cluster is away, the others take grabs, and the answer names the partitions that do not. With `OPS_PORT`, only that port has it.',
      security: [],
      responses: {
        200: reply('The process can decide grabs, at least those of some partitions.', 'Ready', {
          errMsg: '',
          shutPartitions: [3, 7],
          why: '10.0.0.3:6379: the write model is not reconciled with the event log',
        }),
        ...problems(serviceUnavailable('MySQL does not reply'), problemOf(new Error('store unavailable'))),
      },
    },
  },
  '/metrics': {
    get: {
      operationId: 'metrics',
      tags: ['operation'],
      summary: 'Read the metrics',
      description:
        'Metrics for Prometheus. They cover all workers of the server, whichever worker answers. With `OPS_PORT`, only that port has them.',
      security: [],
      responses: {
        200: {
          description: 'The metrics in the text format of Prometheus.',
          content: { 'text/plain': { schema: plainSchema(z.string()) } },
        },
      },
    },
  },
  '/openapi.json': {
    get: {
      operationId: 'openapi',
      tags: ['documentation'],
      summary: 'Read this document',
      description: 'Generated from the schemas that validate requests and type responses.',
      security: [],
      responses: {
        200: file('The OpenAPI 3.1 document.', ['application/json'], z.looseObject({ openapi: z.string() })),
        304: notModified,
      },
    },
  },
  '/asyncapi.json': {
    get: {
      operationId: 'asyncapi',
      tags: ['documentation'],
      summary: 'Read the description of the events',
      description:
        'AsyncAPI 3, from the same schemas as this document: the events, the stream of them, and the broker.',
      security: [],
      responses: {
        200: file('The AsyncAPI document.', ['application/json'], z.looseObject({ asyncapi: z.string() })),
        304: notModified,
      },
    },
  },
  '/docs': {
    get: {
      operationId: 'docs',
      tags: ['documentation'],
      summary: 'Show this document as a page',
      description: 'Swagger UI with this document. All its files come from this server.',
      security: [],
      responses: { 200: file('The page.', ['text/html'], z.string()), 304: notModified },
    },
  },
  '/docs/{file}': {
    get: {
      operationId: 'docsFile',
      tags: ['documentation'],
      summary: 'Read a file of the page at `/docs`',
      description: 'The scripts, the style sheet and the icon of the page.',
      security: [],
      parameters: [{ name: 'file', in: 'path', required: true, schema: plainSchema(z.enum(Object.keys(viewerFiles))) }],
      responses: {
        200: file('The file.', [...new Set(Object.values(viewerFiles).map(typeOf))], z.string()),
        304: notModified,
        ...problems(plainProblem(404)),
      },
    },
  },
});
