import { createConfig, formatProblems, lintFromString } from '@redocly/openapi-core';
import { createDocument } from '../src/http/openapi/document.ts';

// `npm run lint:openapi`: the document by the rules of Redocly. The linter's engine without its command, which reports what it is used for.

const config = await createConfig({
  extends: ['recommended-strict'],
  rules: {
    // healthz, readyz and metrics take nothing that could be wrong.
    'operation-4xx-response': 'off',
  },
});
const source = JSON.stringify(createDocument(), null, 2);
const problems = await lintFromString({ source, absoluteRef: 'openapi.json', config });
formatProblems(problems, { version: '', totals: { errors: problems.length, warnings: 0, ignored: 0 } });
console.log(`openapi.json: ${problems.length} problems`);
process.exitCode = problems.length === 0 ? 0 : 1;
