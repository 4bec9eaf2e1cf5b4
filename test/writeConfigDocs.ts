import { writeFileSync } from 'node:fs';
import { configDocs, fileOf } from './support/configDocs.ts';

// `npm run docs:config`: writes README's table of settings and .env.example from the schema in src/config.ts.

for (const { path, rendered } of configDocs()) {
  writeFileSync(fileOf(path), rendered);
  console.log(`written: ${path}`);
}
