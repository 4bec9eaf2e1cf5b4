import { createProgram, runProgram } from '../cli.ts';
import { openAll } from '../infra/closers.ts';
import { openMysql } from '../infra/stores/migrate.ts';
import { openStores } from './toolStores.ts';

createProgram(
  'npm run migrate --',
  'Brings the tables in MySQL up to date, as every start does: for those who want it done before the first start.',
).parse();

await runProgram(async () => {
  const { migrated, close } = await openAll(async (remember) => {
    const stores = await openStores({ redis: false });
    remember(stores.close);
    const mysql = await openMysql(stores.mysqlUrl);
    remember(mysql.close);
    return { migrated: mysql.migrated };
  });
  await close();
  console.log(migrated.length === 0 ? 'the tables are up to date' : `migrated: ${migrated.join(', ')}`);
  process.exit(0);
});
