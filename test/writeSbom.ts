import { writeFileSync } from 'node:fs';
import { createProgram } from '../src/cli.ts';
import { createSbom } from './support/sbom.ts';

// `npm run sbom`: the software bill of materials of what runs in production.

const program = createProgram('npm run sbom --', 'Writes the software bill of materials: CycloneDX 1.6 in JSON.')
  .argument('[file]', 'the file to write', 'sbom.cdx.json')
  .parse();
const [file = ''] = program.processedArgs;
writeFileSync(file, `${createSbom()}\n`);
console.error(`written: ${file}`);
