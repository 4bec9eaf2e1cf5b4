import Table from 'cli-table3';
import { createProgram, runProgram } from '../cli.ts';
import { missingTriggers } from '../infra/stores/eventLogGuard.ts';
import { findKnownMigrations, reachMysql } from '../infra/stores/openMysql.ts';
import { listMigrations, type MigrationState, stepBack } from '../infra/stores/stepBack.ts';
import { openToolStores, type StoreNeeds } from './toolStores.ts';

const program = createProgram(
  'npm run migrate --',
  'Brings the tables in MySQL up to date before the first start of a version. Every start does the same.',
)
  .option('--status', 'show each migration and change nothing; exit status 1 unless the tables are up to date')
  .option('--down', 'take the newest migration back, unless that would lose data')
  .option('--json', 'with --status: print JSON')
  .parse();
const { status, down, json } = program.opts<{ status?: true; down?: true; json?: true }>();
if (status && down) program.error('--status and --down: one of the two');
if (json && !status) program.error('--json: only with --status');

/** Opens the stores for the work, which resolves to the exit status. */
const onStores = (tables: StoreNeeds['tables'], work: (opened: Opened) => Promise<0 | 1>) =>
  runProgram(async () => {
    const { description, close, ...opened } = await openToolStores({ redis: false, tables });
    console.error(description);
    try {
      process.exitCode = await work(opened);
    } finally {
      await close();
    }
    process.exit();
  });
type Opened = Omit<Awaited<ReturnType<typeof openToolStores>>, 'description' | 'close'>;

if (status) await onStores('any', ({ mysqlUrl }) => showStatus(mysqlUrl));
else if (down)
  await onStores('any', async ({ mysqlUrl }) => {
    const name = await stepBack(mysqlUrl, await findKnownMigrations());
    console.log(
      `taken back: ${name}; a start of this release would apply it again, so start the release before it now`,
    );
    return 0;
  });
else
  await onStores('migrate', async ({ changed }) => {
    const { migrated = [], guard } = changed ?? {};
    console.log(migrated.length === 0 ? 'the tables are up to date' : `migrated: ${migrated.join(', ')}`);
    const weakness = guard && missingTriggers(guard);
    if (weakness !== undefined) console.log(weakness);
    return 0;
  });

async function showStatus(mysqlUrl: string): Promise<0 | 1> {
  const { mysql, close } = await reachMysql(mysqlUrl, 1);
  try {
    const migrations = await listMigrations(mysql, (await findKnownMigrations()).names);
    console.log(json ? JSON.stringify(migrations, null, 2) : inTable(migrations));
    return migrations.every(({ state }) => state === 'applied') ? 0 : 1;
  } finally {
    await close();
  }
}

function inTable(migrations: readonly MigrationState[]): string {
  const table = new Table({ head: ['migration', 'state'], style: { head: [], border: [], compact: true } });
  for (const { name, state, appliedAt } of migrations) {
    const since = { applied: `applied ${appliedAt}`, pending: 'pending', unknown: 'unknown to this release' }[state];
    table.push([name, state === 'unknown' ? `${since}, applied ${appliedAt}` : since]);
  }
  return table.toString();
}
