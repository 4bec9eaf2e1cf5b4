import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { apiTypes, apiTypesFile } from './apiTypes.ts';

// `npm run client`: generates the client's types again after the schemas have changed.

writeFileSync(apiTypesFile, await apiTypes());
console.log(`written: ${fileURLToPath(apiTypesFile)}`);
