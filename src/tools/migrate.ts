import { createProgram, runProgram } from '../cli.ts';
import { missingTriggers } from '../infra/stores/eventLogGuard.ts';
import { openToolStores } from './toolStores.ts';

createProgram(
  'npm run migrate --',
  'Brings the tables in MySQL up to date before the first start of a version. Every start does the same.',
).parse();

await runProgram(async () => {
  const { changed, description, close } = await openToolStores({ redis: false, tables: 'migrate' });
  console.error(description);
  await close();
  const { migrated = [], guard } = changed ?? {};
  console.log(migrated.length === 0 ? 'the tables are up to date' : `migrated: ${migrated.join(', ')}`);
  const weakness = guard && missingTriggers(guard);
  if (weakness !== undefined) console.log(weakness);
  process.exit(0);
});
