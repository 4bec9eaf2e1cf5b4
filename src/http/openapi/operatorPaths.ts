import { z } from 'zod';
import { plainProblem, problemOf, serviceUnavailable } from '../errors.ts';
import { typeOf } from '../staticFiles.ts';
import { header, type Paths, plainSchema, problems, reply } from './describe.ts';
import { viewerFiles } from './viewerFiles.ts';

// What operators and the developers of clients use.

const etag = header(z.string(), 'Changes with the content.');
const notModified = { description: 'As it was when `If-None-Match` had its ETag.', headers: { ETag: etag } };

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
      summary: 'The process lives',
      security: [],
      responses: { 200: reply('It does.', 'Done', { errMsg: '' }) },
    },
  },
  '/readyz': {
    get: {
      operationId: 'ready',
      tags: ['operation'],
      summary: 'It can take grabs',
      security: [],
      responses: {
        200: reply('It can.', 'Done', { errMsg: '' }),
        ...problems(serviceUnavailable('MySQL does not answer'), problemOf(new Error('a store is away'))),
      },
    },
  },
  '/metrics': {
    get: {
      operationId: 'metrics',
      tags: ['operation'],
      summary: 'Metrics for Prometheus, of all server processes whichever answers',
      security: [],
      responses: {
        200: { description: 'Prometheus text.', content: { 'text/plain': { schema: plainSchema(z.string()) } } },
      },
    },
  },
  '/openapi.json': {
    get: {
      operationId: 'openapi',
      tags: ['documentation'],
      summary: 'This document',
      security: [],
      responses: {
        200: file('OpenAPI 3.1.', ['application/json'], z.looseObject({ openapi: z.string() })),
        304: notModified,
      },
    },
  },
  '/docs': {
    get: {
      operationId: 'docs',
      tags: ['documentation'],
      summary: 'A page that shows this document',
      security: [],
      responses: { 200: file('The page.', ['text/html'], z.string()), 304: notModified },
    },
  },
  '/docs/{file}': {
    get: {
      operationId: 'docsFile',
      tags: ['documentation'],
      summary: 'A file of that page',
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
