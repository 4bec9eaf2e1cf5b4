import { readFileSync } from 'node:fs';
import { operatorApiPaths } from '../operators/operatorApiPaths.ts';
import { sentRequests, webhookPaths } from '../webhooks/webhookPaths.ts';
import { apiPaths } from './apiPaths.ts';
import { changePaths } from './changePaths.ts';
import { consolePaths } from './consolePaths.ts';
import { mergePaths } from './describe.ts';
import { eventPaths } from './eventPaths.ts';
import { limitedPaths } from './limitedPaths.ts';
import { listPaths } from './listPaths.ts';
import { operatorPaths } from './operatorPaths.ts';
import { namedSchemas } from './schemas.ts';

const description = `
Every response with a body has \`errMsg\`: an empty string on success, otherwise a sentence. **A 503 is never a refusal**: retry.

The keys of a request body match in any case: \`Username\` is \`username\`. Two keys that differ only in case get 400, and unknown keys are
ignored. Names in paths are percent-encoded. A trailing slash in a path is ignored.

Logging in returns a token. Requests send it in the header \`Authorization\`, either alone or after \`Bearer\`. A request
with two such headers gets 401 from every operation that reads a token.

A request whose header is larger than 16 KiB gets 431, malformed HTTP gets 400, and a request that takes longer than 8 s to arrive gets
408, all with \`errMsg\`.

An address that sends too many requests gets 429 from every path but \`/healthz\`, \`/readyz\` and \`/metrics\`, the pages of the console
included.

An answer without an \`ETag\` has \`Cache-Control: no-store\`. Pages of other origins can use the API when the operator has named their
origins (\`CORS_ORIGINS\`).
`.trim();

/** The OpenAPI document. A test compares it with the routes and with the answers of a server. */
export function createDocument() {
  const { version } = JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8'));
  return {
    openapi: '3.1.1',
    info: {
      title: 'seckill',
      version: String(version),
      summary: 'The backend of a coupon flash sale.',
      description,
      contact: { name: 'The seckill authors' },
      license: { name: 'MIT', identifier: 'MIT' },
    },
    servers: [{ url: '/', description: 'The server that this document comes from.' }],
    tags: [
      { name: 'users', description: 'Registration and sessions.' },
      { name: 'coupons', description: 'Creating, grabbing and listing coupons.' },
      { name: 'pieces', description: 'Redeeming codes and giving pieces back.' },
      { name: 'console', description: 'Further operations that the console at `/` uses.' },
      { name: 'events', description: 'The events, for other systems.' },
      { name: 'operators', description: 'The page of operators: what they see, and what they may do.' },
      { name: 'webhooks', description: 'The events, sent to URLs of sellers and of the operator.' },
      { name: 'operation', description: 'Health checks and metrics, for operators.' },
      { name: 'documentation', description: 'The description of this API, for developers of clients.' },
    ],
    security: [{ bearer: [] }, { bare: [] }],
    paths: limitedPaths(
      mergePaths(
        apiPaths(),
        listPaths(),
        changePaths(),
        consolePaths(),
        eventPaths(),
        webhookPaths(),
        operatorApiPaths(),
        operatorPaths(),
      ),
    ),
    webhooks: sentRequests(),
    components: {
      schemas: namedSchemas(),
      securitySchemes: {
        bearer: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' },
        service: { type: 'http', scheme: 'bearer', description: 'A token of another system (`SERVICE_TOKENS`).' },
        operator: { type: 'http', scheme: 'bearer', description: 'A token of an operator (`OPERATOR_TOKENS`).' },
        bare: {
          type: 'apiKey',
          in: 'header',
          name: 'Authorization',
          description: 'The token alone, without `Bearer`.',
        },
      },
    },
  };
}
