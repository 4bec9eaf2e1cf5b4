import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createDataDir } from './dataDirs.ts';
import { killProcessesOf } from './killProcesses.ts';
import { endPrograms, startProgram } from './program.ts';

// The test runner itself: a test file that proves nothing must fail.

const test = suite('the test runner');
const uvu = import.meta.resolve('uvu');

/** Whether the process exists and is no zombie: an ended process stays one until its new parent has read its status. */
const isRunning = (pid: number) => /^State:\s+[^Z\s]/m.test(readStatus(pid));
const readStatus = (pid: number) => {
  try {
    return readFileSync(`/proc/${pid}/status`, 'utf8');
  } catch {
    return '';
  }
};

const files: [what: string, source: string, last: string][] = [
  ['a file that registers no test', 'console.log("nothing here");', '0 passed, 1 failed'],
  ['a suite that is never run', `import { suite } from '${uvu}'; suite('x')('y', () => {});`, '0 passed, 1 failed'],
  [
    'a file that ends before its tests',
    `import { test } from '${uvu}'; test('y', () => process.exit(0)); test.run();`,
    '0 passed, 1 failed',
  ],
  [
    'a skipped test',
    `import { test } from '${uvu}'; test('x', () => {}); test.skip('y', () => {}); test.run();`,
    '1 passed, 1 failed',
  ],
  [
    'a failing test',
    `import { test } from '${uvu}'; test('x', () => { throw new Error('no'); }); test.run();`,
    '0 passed, 1 failed',
  ],
  [
    'a passing test, and an error after it',
    `import { test } from '${uvu}'; test('x', () => {}); test.run(); setTimeout(() => { throw new Error('late'); }, 300);`,
    '1 passed, 1 failed',
  ],
  ['a passing test', `import { test } from '${uvu}'; test('x', () => {}); test.run();`, '1 passed, 0 failed'],
];

for (const [what, source, last] of files) {
  test(`given ${what}, the run ends with "${last}"`, async () => {
    const folder = join(createDataDir(), 'tests');
    mkdirSync(folder);
    writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
    writeFileSync(join(folder, 'one.test.ts'), source);
    const { status, stdout } = await startProgram('test/runTests.ts', {}, ['--fast', '--folder', folder]).ended;
    assert.is(stdout.trim().split('\n').at(-1), last);
    assert.is(status, last.endsWith(' 0 failed') ? 0 : 1);
  });
}

test('given files that share a process, one that ends it, or does not load, or fails, fails alone, and all are run', async () => {
  const folder = join(createDataDir(), 'shared');
  mkdirSync(folder);
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
  const passing = `import { test } from '${uvu}'; test('x', () => {}); test.run();`;
  const sources = {
    a: passing,
    b: `import { test } from '${uvu}'; test('x', () => process.exit(0)); test.run();`,
    c: passing,
    d: 'throw new Error("not loaded");',
    e: passing,
    f: `import { test } from '${uvu}'; test('x', () => { throw new Error('no'); }); test.run();`,
  };
  for (const [name, source] of Object.entries(sources)) writeFileSync(join(folder, `${name}.test.ts`), source);

  const { status, stdout } = await startProgram('test/runTests.ts', {}, ['--fast', '--folder', folder]).ended;

  const namesOf = (outcome: string) =>
    [...stdout.matchAll(new RegExp(`^${outcome} .*/(\\w)\\.test\\.ts`, 'gm'))].map(([, name]) => name).sort();
  assert.equal(namesOf('ok  '), ['a', 'c', 'e']);
  assert.equal(namesOf('FAIL'), ['b', 'd', 'f']);
  assert.match(stdout, /not loaded/);
  assert.is(stdout.trim().split('\n').at(-1), '3 passed, 3 failed');
  assert.is(status, 1);
});

test('the fast run leaves out a file that uses stores, by itself or through a helper, and no other file', async () => {
  // Given files that read TEST_MYSQL_URL, import it in each form, or find at run time that it is absent.
  const folder = join(createDataDir(), 'fast');
  mkdirSync(folder);
  const passing = `import { test } from '${uvu}'; test('x', () => {}); test.run();`;
  const sources = {
    'package.json': '{"type":"module"}',
    'helper.ts': 'export const url = process.env.TEST_MYSQL_URL;',
    'helperOfHelper.ts': "export { url } from './helper.ts';",
    'direct.test.ts': `console.log(process.env.TEST_MYSQL_URL); ${passing}`,
    'indirect.test.ts': `import { url } from './helperOfHelper.ts'; url; ${passing}`,
    'effect.test.ts': `import './helper.ts'; ${passing}`,
    'dynamic.test.ts': `await import('./helper.ts'); ${passing}`,
    'without.test.ts': `if (process.env['TEST_MYSQL' + '_URL']) process.exit(1); ${passing}`,
  };
  for (const [name, source] of Object.entries(sources)) writeFileSync(join(folder, name), source);

  const { status, stdout } = await startProgram('test/runTests.ts', {}, ['--fast', '--folder', folder]).ended;

  assert.match(stdout, /without\.test\.ts/);
  assert.not.match(stdout, /(direct|effect|dynamic)\.test\.ts/);
  assert.is(stdout.trim().split('\n').at(-1), '1 passed, 0 failed');
  assert.is(status, 0);
});

test('a file with a long name runs with --long or by its name, and not otherwise', async () => {
  const folder = join(createDataDir(), 'long');
  mkdirSync(folder);
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
  for (const name of ['kills.long.test.ts', 'short.test.ts'])
    writeFileSync(join(folder, name), `import { test } from '${uvu}'; test('x', () => {}); test.run();`);
  const filesOf = async (...args: string[]) => {
    const { stdout } = await startProgram('test/runTests.ts', {}, ['--fast', '--folder', folder, ...args]).ended;
    return [...stdout.matchAll(/(\w+)(?:\.long)?\.test\.ts/g)].map(([, name]) => name).sort();
  };

  assert.equal(
    [await filesOf(), await filesOf('--long'), await filesOf('kills'), await filesOf('test')],
    [['short'], ['kills'], ['kills'], ['kills', 'short']],
  );
});

test('an interrupted run starts no further file', async () => {
  const folder = join(createDataDir(), 'interrupted');
  mkdirSync(folder);
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
  const source = `import { writeFileSync } from 'node:fs';
    writeFileSync(process.argv[1] + '.started', '');
    setInterval(() => {}, 1_000);`;
  for (const name of 'abcdefghi') writeFileSync(join(folder, `${name}.test.ts`), source);
  const started = () => readdirSync(folder).filter((file) => file.endsWith('.started')).length;
  const run = startProgram('test/runTests.ts', {}, ['--fast', '--folder', folder]);
  while (started() === 0) await sleep(20);
  run.kill('SIGTERM');
  const { status, stderr } = await run.ended;
  const before = started();
  await sleep(1_500);
  assert.is(status, 1);
  assert.match(stderr, /^interrupted$/m);
  assert.is(started(), before);
});

test('killing the processes of a folder ends a detached grandchild, and no process of another folder', async () => {
  const [folder, other] = [createDataDir(), createDataDir()];
  const sleeper = (path: string, script: string) =>
    spawn('sh', ['-c', script], { env: { PATH: process.env.PATH, TMPDIR: path }, detached: true, stdio: 'ignore' });
  const child = sleeper(folder, `setsid sleep 1000 & echo $! > ${folder}/pid; wait`);
  const bystander = sleeper(other, 'exec sleep 1000');
  const killed = once(child, 'close');
  const grandchild = () => (existsSync(join(folder, 'pid')) ? readFileSync(join(folder, 'pid'), 'utf8') : '');
  while (grandchild() === '') await sleep(20);
  await killProcessesOf(folder);
  await killed;
  const [grandchildRuns, bystanderRuns] = [grandchild(), bystander.pid].map((pid) => isRunning(Number(pid)));
  bystander.kill('SIGKILL');
  assert.is(grandchildRuns, false);
  assert.is(bystanderRuns, true);
});

test('test:nodes refuses a release that is not in its table', async () => {
  for (const only of ['22,18', 'toString']) {
    const { status, stderr } = await startProgram('test/runOnNodes.ts', {}, ['--only', only]).ended;
    assert.is(status, 2, only);
    assert.match(stderr, /Expected some of 22,24,26\./);
  }
});

test.after(endPrograms);
test.run();
