import { createConfig, formatProblems, lintFromString } from '@redocly/openapi-core';
import { createDocument } from '../src/http/openapi/document.ts';

// `npm run lint:openapi`: checks the document with Redocly's rules. It calls the engine directly, because Redocly's command reports its use.

const config = await createConfig({
  extends: ['recommended-strict'],
  rules: {
    // Requests of healthz, readyz and metrics have no input that could be invalid.
    'operation-4xx-response': 'off',
  },
});
const source = JSON.stringify(createDocument(), null, 2);
const problems = await lintFromString({ source, absoluteRef: 'openapi.json', config });
formatProblems(problems, { version: '', totals: { errors: problems.length, warnings: 0, ignored: 0 } });
console.log(`openapi.json: ${problems.length} problems`);
process.exitCode = problems.length === 0 ? 0 : 1;
