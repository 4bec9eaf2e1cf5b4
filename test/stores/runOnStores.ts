import { spawnSync } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Argument } from 'commander';
import { createProgram, runProgram, stopSignal } from '../../src/cli.ts';
import { ensurePrograms } from '../../src/infra/local/install.ts';
import { OperatorError } from '../../src/operatorError.ts';
import { killProcessesOf } from '../support/killProcesses.ts';
import { runSuites } from '../support/runSuites.ts';
import { downloadStore } from './downloadStore.ts';
import { NotDownloadable } from './privateApt.ts';
import { type StoreName, storeKinds, storeNames } from './storeKinds.ts';
import { writeStorePrograms } from './storePrograms.ts';

// Runs the tests that concern the stores, and one round of each fault kind, on the newest MySQL, MariaDB, Redis or Valkey, which it
// downloads without changing the machine. The other store is the one of the machine. The last line is `N passed, N failed`; the exit
// status is 75 when the download is not possible.

const SKIPPED = 75;
const CACHE = fileURLToPath(new URL('../../.cache/stores', import.meta.url));

const tests = [
  'contract.',
  'applyBatch',
  'replay/',
  'recovery/',
  'lease',
  'migrations/',
  'infra/stores/',
  'doctor',
  'explain',
  'salesPerMinute',
  'verifyStores',
  'scripts',
  'lostReply',
  'deployStores',
  'security/serverGrants',
  'security/toolGrants',
  'security/archiveGrants',
  'archive',
];
const suites = [['test/runTests.ts', ...tests], ['test/faults/runFaults.ts']];
/** What differs most between servers: types, locks, privileges, and what a killed server keeps. */
const shortSuites = [
  [
    'test/runTests.ts',
    'contract.users',
    'contract.coupons',
    'applyBatch',
    'replay/',
    'lease',
    'infra/stores/openMysql',
    'eventLogGuard',
    'doctor',
  ],
  ['test/faults/runFaults.ts', '--only', 'mysql-kill', '--rounds', '1'],
];

const program = createProgram('npm run test:stores --', 'Tests the newest release of a store, which it downloads.')
  .addArgument(new Argument('<store>').choices(storeNames))
  .option('--cache <folder>', 'where the unpacked packages are kept', CACHE)
  .option('--short', 'only the tests that differ most between servers, and one fault')
  .parse();

await runProgram(async () => {
  const kind = storeKinds[program.args[0] as StoreName];
  const { short, cache } = program.opts<{ short?: true; cache: string }>();
  const stop = new AbortController();
  // The folder is in the TMPDIR and the PATH of every process that is started here, which tells them from those of other runs.
  const folder = mkdtempSync(join(tmpdir(), 'seckill-stores-'));
  void stopSignal().then(() => {
    stop.abort(new OperatorError('interrupted'));
    return killProcessesOf(folder);
  });
  let status = SKIPPED;
  try {
    const store = await downloadStore(kind, resolve(cache), console.log, stop.signal);
    // The other store.
    ensurePrograms(['redis-server', 'mariadbd'], console.log);
    const bin = join(folder, 'bin');
    const program = writeStorePrograms(bin, kind, store);
    const { stdout, stderr } = spawnSync(
      program,
      kind.family === 'redis' ? ['--version'] : ['--no-defaults', '--version'],
    );
    console.log(`${stdout}${stderr}`.trim());
    const env = { ...process.env, TMPDIR: folder, PATH: `${bin}${delimiter}${process.env.PATH}` };
    const title = `${kind.title} ${store.version}`;
    const { passed, failed } = await runSuites(short ? shortSuites : suites, {
      title,
      node: process.execPath,
      env,
      stop: stop.signal,
    });
    status = failed === 0 ? 0 : 1;
    if (failed > 0) console.log(`the histories and logs of failed rounds stay in ${folder}`);
    console.log(`${passed} passed, ${failed} failed`);
  } catch (error) {
    if (!(error instanceof NotDownloadable)) throw error;
    console.log(`skipped: ${kind.title} cannot be downloaded (${error.message})`);
  } finally {
    await killProcessesOf(folder);
    if (status !== 1) await rm(folder, { recursive: true, force: true });
  }
  process.exit(status);
});
