import { readFileSync } from 'node:fs';
import { apiPaths } from './apiPaths.ts';
import { consolePaths } from './consolePaths.ts';
import { namedSchemas } from './describe.ts';
import { operatorPaths } from './operatorPaths.ts';

const description = `
Every reply with a body has \`errMsg\`: empty on success, a sentence otherwise. **A 503 is never a refusal**: ask again.

Keys of a body match whatever their case, and an unknown key has no effect. Names stand percent-encoded in paths. A trailing slash on any
path is the same path.

The token that a log-in gives goes into the header \`Authorization\`, bare or after \`Bearer\`.
`.trim();

/** The OpenAPI document of what the routes do; a test holds the two together. */
export function createDocument() {
  const { version } = JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8'));
  return {
    openapi: '3.1.1',
    info: {
      title: 'seckill',
      version: String(version),
      summary: 'The backend of a coupon flash sale.',
      description,
      license: { name: 'MIT', identifier: 'MIT' },
    },
    servers: [{ url: '/', description: 'The server that this document comes from.' }],
    tags: [
      { name: 'users', description: 'Users and sessions.' },
      { name: 'coupons', description: 'Coupons are put up, grabbed and listed.' },
      { name: 'console', description: 'What the console at `/` asks for beside that.' },
      { name: 'operation', description: 'For whoever runs it.' },
      { name: 'documentation', description: 'For whoever writes a client.' },
    ],
    security: [{ bearer: [] }, { bare: [] }],
    paths: { ...apiPaths(), ...consolePaths(), ...operatorPaths() },
    components: {
      schemas: namedSchemas(),
      securitySchemes: {
        bearer: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' },
        bare: { type: 'apiKey', in: 'header', name: 'Authorization', description: 'The token and nothing else.' },
      },
    },
  };
}
