import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createProgram, interruptible, runProgram, stopSignal } from '../src/cli.ts';
import { readConfig } from '../src/config.ts';
import { answers } from '../src/infra/local/dataDir.ts';
import { ensurePrograms } from '../src/infra/local/install.ts';
import { openLocalServers } from '../src/infra/local/localServers.ts';
import { OperatorError } from '../src/operatorError.ts';
import { needsStores } from './support/needsStores.ts';
import { todaysThird } from './support/todaysThird.ts';

// Runs each test file that needs stores in a process of its own against a real MariaDB, which is started here for all of them (each
// file has a database of its own), and a real Redis, which each file starts for itself. The last line is `N passed, N failed`.

/** Only for a file that hangs: on a busy machine a file takes many times as long as alone. */
const FILE_LIMIT_MS = 900_000;
/** Twice as many as the cores of a small machine: a test file waits for its programs and stores about half of the time. */
const AT_ONCE = 4;
/** Folders under test/ with a command of their own, because their tests need more than a machine with Node, or take long. */
const OWN_COMMAND = ['browser/', 'cluster/', 'deploy/', 'galera/', 'security/'];
/** Files that start whole servers and tools again and again, to kill them, restore them or refuse them: `npm run test:long`. */
const LONG = '.long.test.ts';
/** Programs beside the stores, by a part of the path of the files that need them. Two files cannot install at the same time. */
const PROGRAMS = [
  ['test/browser/', 'chromium'],
  ['test/docs/api', 'curl'],
  ['test/docs/integration', 'curl'],
  ['test/subscribers/nats', 'nats-server'],
  ['test/operations/backup', 'mariadb-dump'],
  ['test/galera/', 'libgalera_smm.so'],
] as const;
/** The output of a file, and what runFiles.ts prints after it. */
const END_OF_FILE = /([\s\S]*?)\n=== (\d+), (\S+) s ===\n/g;
const root = fileURLToPath(new URL('..', import.meta.url));
const running = new Set<ChildProcess>();

const program = createProgram('npm test --', 'Runs the tests; the last line is `N passed, N failed`.')
  .argument('[names...]', 'only the test files whose path contains one of these texts')
  .option('--folder <folder>', 'the folder of the test files', 'test')
  .option('--fast', 'only the files that need no store; none is started')
  .option('--long', `only the files whose name ends in ${LONG}, which run otherwise only by their names`)
  .option('--third', 'a third of these files, another one each day')
  .allowExcessArguments(true)
  .parse();

/** The largest files run first. They tend to take the longest, and a long file that starts last runs alone at the end. */
const sizeOf = (file: string) => statSync(resolve(root, file)).size;

/** The files of one process each. Those without stores share some: alone, most of them would take longer to load than to run. */
function inBatches(files: readonly string[], isAlone: (file: string) => boolean): string[][] {
  const together = files.filter((file) => !isAlone(file));
  const shared = Array.from({ length: AT_ONCE }, (_, batch) =>
    together.filter((_, place) => place % AT_ONCE === batch),
  );
  return [...files.filter(isAlone).map((file) => [file]), ...shared.filter(({ length }) => length > 0)];
}

interface Options {
  folder: string;
  fast?: true;
  long?: true;
  third?: true;
}

interface Result {
  passed: number;
  failed: number;
}

await runProgram(async () => {
  const { folder, fast, long = false, third } = program.opts<Options>();
  const absolute = resolve(root, folder);
  const isNamed = (apart: string) => program.args.some((name) => name.startsWith(apart));
  const found = readdirSync(absolute, { recursive: true, encoding: 'utf8' })
    .filter(
      (file) => file.endsWith('.test.ts') && !OWN_COMMAND.some((apart) => file.startsWith(apart) && !isNamed(apart)),
    )
    .filter((file) => !fast || !needsStores(absolute, join(absolute, file)))
    .filter((file) => file.endsWith(LONG) === long || (program.args.length > 0 && !long))
    .filter((file) => program.args.length === 0 || program.args.some((name) => file.includes(name)))
    .map((file) => join(folder, file))
    .sort();
  const files = (third ? todaysThird(found) : found).sort((a, b) => sizeOf(b) - sizeOf(a));
  const isAlone = (file: string) => needsStores(absolute, resolve(root, file));
  if (files.length === 0) throw new OperatorError('no test file has such a path');

  const needed = PROGRAMS.filter(([part]) => files.some((file) => file.startsWith(part)));
  ensurePrograms(
    needed.map(([, name]) => name),
    (line) => console.log(line),
  );
  const stopped = stopSignal();
  const dataDir = mkdtempSync(join(tmpdir(), 'seckill-test-'));
  // A file that needs a store after all fails without one: `TEST_MYSQL_URL` is missing then.
  const { mysqlUrl, close } = fast ? { mysqlUrl: undefined, close() {} } : await openMysqlOf(dataDir);
  const results: Result[] = [];
  const stores = { ...(mysqlUrl === undefined ? {} : { TEST_MYSQL_URL: mysqlUrl }), TEST_DATA_DIR: dataDir };
  const queue = inBatches(files, isAlone);
  let isStopped = false;
  const runNext = async (): Promise<void> => {
    const batch = queue.shift();
    if (batch === undefined || isStopped) return;
    const { results: ofBatch, left } = await runFiles(batch, stores);
    results.push(...ofBatch);
    if (left.length > 0) queue.unshift(left);
    return runNext();
  };
  try {
    await interruptible(stopped, Promise.all(Array.from({ length: AT_ONCE }, runNext)));
  } finally {
    // After a signal, no further file may start when the running ones are killed.
    isStopped = true;
    const cut = [...running];
    for (const child of cut) child.kill('SIGKILL');
    await Promise.all(cut.map((child) => once(child, 'close')));
    await closeLeftServers(dataDir);
    await close();
    rmSync(dataDir, { recursive: true, force: true });
  }

  const sum = (of: (result: Result) => number) => results.reduce((total, result) => total + of(result), 0);
  console.log(`${sum(({ passed }) => passed)} passed, ${sum(({ failed }) => failed)} failed`);
  process.exit(sum(({ failed }) => failed) === 0 ? 0 : 1);
});

async function openMysqlOf(dataDir: string) {
  const { config, close } = await openLocalServers(readConfig({ DATA_DIR: dataDir }), (line) => console.log(line));
  return { mysqlUrl: config.mysqlOwnerUrl, close };
}

/** Stops the private servers of test files that were interrupted: takes them over, as a next start would, and closes them. */
async function closeLeftServers(dataDir: string): Promise<void> {
  for (const folder of readdirSync(dataDir)) {
    const path = join(dataDir, folder);
    const left = await Promise.all(['redis.sock', 'mariadb.sock'].map((socket) => answers(join(path, socket))));
    if (left.includes(true)) await (await openLocalServers(readConfig({ DATA_DIR: path }), console.log)).close();
  }
}

/** Runs the files in one process. A file that ends the process has failed, and the files after it are `left`. */
async function runFiles(files: readonly string[], stores: NodeJS.ProcessEnv) {
  const started = performance.now();
  const child = spawn(process.execPath, ['bin/run.mjs', 'test/runFiles.ts', ...files], {
    cwd: root,
    env: { ...process.env, ...stores, NO_COLOR: '1', FORCE_COLOR: '0' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  running.add(child);
  child.once('close', () => running.delete(child));
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += chunk));
  const limit = setTimeout(() => child.kill('SIGKILL'), FILE_LIMIT_MS);
  const exit = await new Promise<string>((resolve) =>
    child.once('close', (code, signal) => resolve(String(code ?? signal))),
  );
  clearTimeout(limit);
  const took = ((performance.now() - started) / 1_000).toFixed(1);
  const ends = [...output.matchAll(END_OF_FILE)].map(([, text = '', status = '', seconds = '']) => ({
    text,
    status,
    seconds,
  }));
  const last = ends.at(-1);
  const rest = output.replace(END_OF_FILE, '');
  // What a file left open, or a fault after its end, is seen when the process ends.
  if (last === undefined || ends.length < files.length) ends.push({ text: rest, status: exit, seconds: took });
  else if (last.status !== exit) Object.assign(last, { text: `${last.text}${rest}`, status: exit });
  const results = ends.map(({ text, status, seconds }, place) => {
    const result = readResult(text, status);
    const isGood = result.failed === 0;
    console.log(
      `${isGood ? 'ok  ' : 'FAIL'} ${relative('test', files[place] ?? '')}  ${result.passed} passed, ${seconds} s`,
    );
    if (!isGood) console.log(`${text.trimEnd()}\n(exit ${status})`);
    return result;
  });
  return { results, left: files.slice(ends.length) };
}

// A file that registers no test, skips one, or ends before its tests has failed: uvu itself counts all three as success.
function readResult(output: string, exit: string): Result {
  const runs = [...output.matchAll(/^ {2}Total: +(\d+)\n {2}Passed: +(\d+)\n {2}Skipped: +(\d+)$/gm)];
  const [total = 0, passed = 0, skipped = 0] = [1, 2, 3].map((place) =>
    runs.reduce((sum, run) => sum + Number(run[place]), 0),
  );
  const failed = total === 0 ? 1 : total - passed + skipped;
  return { passed, failed: failed === 0 && exit !== '0' ? 1 : failed };
}
