import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, readdirSync, readFileSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { openMysql } from '../../src/infra/stores/openMysql.ts';
import { OperatorError } from '../../src/operatorError.ts';
import { applyBatch } from '../../src/projections/applyBatch.ts';
import { mustBeReadable } from '../../src/projections/logFile/fileArgument.ts';
import { createDataDir } from '../support/dataDirs.ts';
import { endPrograms, startProgram } from '../support/program.ts';
import { couponRef, created, delivery, grabbed } from '../support/sampleEvents.ts';
import { createDatabase } from '../support/testStores.ts';

// Every file argument of every tool, with every kind of file: the tool works, or it ends with one line and exit status 1 or 2; and a
// signal ends it wherever it waits. A new tool or argument joins by one line of `fileArguments`.

interface FileArgument {
  program: string;
  args: (file: string) => string[];
  direction: 'reads' | 'writes';
  /** Whether the argument may be a FIFO. Every other argument refuses one. */
  takesFifo: boolean;
  /** Whether a run that is not refused takes too long for this test. */
  isLong?: true;
}
const fileArguments: FileArgument[] = [
  { program: 'src/tools/exportLog.ts', args: (file) => [file], direction: 'writes', takesFifo: true },
  { program: 'src/tools/replay.ts', args: (file) => ['--from', file], direction: 'reads', takesFifo: true },
  { program: 'src/tools/archiveLog.ts', args: (file) => ['--restore', file], direction: 'reads', takesFifo: false },
  {
    program: 'bench/runBench.ts',
    args: (file) => ['--chart', file],
    direction: 'writes',
    takesFifo: false,
    isLong: true,
  },
];

const GRABS = 6_000;
const TRIED_WITH_EVERY_TOOL = 4;
const url = await createDatabase();
const { mysql, close } = await openMysql(url);
const folder = createDataDir();
const root = fileURLToPath(new URL('../..', import.meta.url));
const whole = join(folder, 'whole.ndjson');
const test = suite('file arguments');

let databases = 0;
/** The settings of a run: an import gets a database of its own, which does not exist yet. */
const storesOf = ({ direction }: FileArgument) => ({
  MYSQL_URL: direction === 'writes' ? url : url.replace(/test_\w+/, `$&_${databases++}`),
});
let names = 0;
const newPath = () => join(folder, `file-${names++}`);
const start = (argument: FileArgument, file: string) =>
  startProgram(argument.program, storesOf(argument), argument.args(file));

interface Ended {
  status: number | null;
  stdout: string;
  stderr: string;
}
const errorLines = ({ stderr }: Ended) =>
  stderr
    .trim()
    .split('\n')
    .filter((line) => !/^(MySQL|Redis): |^[a-z]+: \d+ %, /.test(line));
const assertRefused = (ended: Ended) => {
  assert.ok(ended.status === 1 || ended.status === 2, `exit status ${ended.status}: ${ended.stderr}`);
  assert.is(errorLines(ended).length, 1, ended.stderr);
  assert.is(ended.stdout, '');
};

test.before(async () => {
  const big = couponRef('big');
  await applyBatch(mysql, [delivery(created(big, GRABS))]);
  const grabs = Array.from({ length: GRABS }, (_, i) => grabbed(big, i + 2, `c${i}`, GRABS - i - 1));
  await applyBatch(mysql, [delivery(...grabs)]);
  const { status, stderr } = await startProgram('src/tools/exportLog.ts', { MYSQL_URL: url }, [whole]).ended;
  assert.is(status, 0, stderr);
});

test('every option or argument of a tool that names a file is in the table', () => {
  const sources = ['src/tools', 'bench'].flatMap((folder) =>
    readdirSync(join(root, folder), { encoding: 'utf8' })
      .filter((file) => file.endsWith('.ts'))
      .map((file) => readFileSync(join(root, folder, file), 'utf8')),
  );
  const declared = sources.flatMap((source) => source.match(/\.(argument|option)\('[^']*<file(?:\.\.\.)?>'/g) ?? []);
  assert.is(declared.length, fileArguments.length, declared.join(' '));
});

/** Kinds of files that no tool can use. The first ones are tried with every tool. */
const refused: [kind: string, make: () => string][] = [
  ['a folder', () => folder],
  ['/dev/full', () => '/dev/full'],
  ['a symlink to a device', () => linkTo('/dev/full')],
  ['a file in a folder that is missing', () => join(folder, 'absent', 'file')],
  ['a symlink to itself', () => linkTo(`file-${names}`)],
  ['/dev/zero', () => '/dev/zero'],
  ['/dev/null', () => '/dev/null'],
  ['a file below a file', () => join(whole, 'file')],
];
function linkTo(target: string): string {
  const path = newPath();
  symlinkSync(target, path);
  return path;
}

test('the check that all tools share refuses every kind that is no file and no FIFO', async () => {
  for (const [kind, make] of refused) {
    const file = make();
    const error = await mustBeReadable(file).catch((refusal) => refusal);
    assert.instance(error, OperatorError, kind);
    assert.ok(error.message.startsWith(file) && !error.message.includes('\n'), error.message);
  }
});

for (const argument of fileArguments) {
  const name = [argument.program.replace(/.*\//, ''), ...argument.args('FILE')].join(' ');

  test(`${name}: a folder, a device, a broken link and a path that cannot exist are refused in one line`, async () => {
    for (const [kind, make] of refused.slice(0, TRIED_WITH_EVERY_TOOL)) {
      const file = make();
      const running = start(argument, file);
      const ended = await running.ended;
      assert.ok(ended.status === 1 || ended.status === 2, `${kind}: exit status ${ended.status}`);
      assertRefused(ended);
      assert.ok(ended.stderr.includes(file), `${kind}: ${ended.stderr}`);
    }
  });

  test(`${name}: a sparse file of 3 GB, and a file without permission, are refused in one line`, async () => {
    // A tool that replaces the file works with both, which takes too long for this test.
    if (argument.isLong) return;
    const sparse = newPath();
    writeFileSync(sparse, '');
    truncateSync(sparse, 3 * 2 ** 30);
    assertRefused(await start(argument, sparse).ended);
    const forbidden = newPath();
    writeFileSync(forbidden, 'Dear all');
    chmodSync(forbidden, 0);
    // The superuser may read this file, which is no export.
    assertRefused(await start(argument, forbidden).ended);
  });

  test(`${name}: a FIFO works or is refused in one line`, async () => {
    const fifo = newPath();
    spawnSync('mkfifo', [fifo]);
    const running = start(argument, fifo);
    if (!argument.takesFifo) return assertRefused(await running.ended);
    const [script, from, to] =
      argument.direction === 'writes' ? ['cat "$0" > "$1"', fifo, `${fifo}.copy`] : ['cat "$0" > "$1"', whole, fifo];
    const partner = spawn('sh', ['-c', String(script), String(from), String(to)]);
    const partnerEnds = once(partner, 'close');
    const ended = await running.ended;
    // The partner may still copy what is left in the FIFO. It waits for ever when the tool has not opened the FIFO.
    if (ended.status !== 0) partner.kill();
    await partnerEnds;
    assert.is(ended.status, 0, ended.stderr);
    assert.match(ended.stdout + ended.stderr, new RegExp(`^${GRABS + 1} events `, 'm'));
    if (argument.direction === 'writes') assert.is(readFileSync(`${fifo}.copy`, 'utf8'), readFileSync(whole, 'utf8'));
  });

  if (argument.takesFifo) {
    const signal = argument.direction === 'writes' ? 'SIGINT' : 'SIGTERM';
    test(`${name}: ${signal} ends a run that waits for the other end of a FIFO`, async () => {
      const fifo = newPath();
      spawnSync('mkfifo', [fifo]);
      const running = start(argument, fifo);
      await running.printed(/^MySQL: /m);
      await sleep(200);
      running.kill(signal);
      const ended = await running.ended;
      assertRefused(ended);
      assert.match(ended.stderr, /^interrupted/m);
    });
  }
}

test('log:export FILE: a disk that becomes full ends in one line, and the next run resumes the export', async () => {
  const file = newPath();
  // A limit on the size of files fails a write as a full disk does, and the superuser is no exception.
  const limited = spawn(
    'sh',
    ['-c', 'ulimit -f 600; exec "$@"', 'sh', process.execPath, 'bin/run.mjs', 'src/tools/exportLog.ts', file],
    {
      cwd: root,
      env: { PATH: process.env.PATH, HOME: process.env.HOME, MYSQL_URL: url },
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );
  let stdout = '';
  let stderr = '';
  limited.stdout.on('data', (chunk) => (stdout += chunk));
  limited.stderr.on('data', (chunk) => (stderr += chunk));
  const [status] = await once(limited, 'close');
  assertRefused({ status, stdout, stderr });
  assert.match(stderr, /cannot be written/);
  const again = await startProgram('src/tools/exportLog.ts', { MYSQL_URL: url }, [file]).ended;
  assert.is(again.status, 0, again.stderr);
  assert.is(readFileSync(file, 'utf8'), readFileSync(whole, 'utf8'));
});

test('log:export into a FIFO whose reader leaves ends in one line', async () => {
  const fifo = newPath();
  spawnSync('mkfifo', [fifo]);
  const running = startProgram('src/tools/exportLog.ts', { MYSQL_URL: url }, [fifo]);
  spawn('sh', ['-c', 'head -c 100 "$0" > /dev/null', fifo]);
  const ended = await running.ended;
  assertRefused(ended);
});

test('a FIFO that ends too early imports nothing', async () => {
  const fifo = newPath();
  spawnSync('mkfifo', [fifo]);
  const database = url.replace(/test_\w+/, '$&_cut');
  const running = startProgram('src/tools/replay.ts', { MYSQL_URL: database }, ['--from', fifo]);
  spawn('sh', ['-c', 'head -n 100 "$0" > "$1"', whole, fifo]);
  const ended = await running.ended;
  assertRefused(ended);
  assert.match(ended.stderr, /line 101 is missing: the export is not complete; nothing was imported/);
  const opened = await openMysql(database);
  const rows = await opened.mysql('event_log');
  await opened.close();
  assert.is(rows.length, 0);
});

test.after(async () => {
  await endPrograms();
  await close();
});
test.run();
