import { readdirSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { PairReport } from '../../bench/against/pairReport.ts';
import { createDataDir } from '../support/dataDirs.ts';
import { processesOf } from '../support/killProcesses.ts';
import { endPrograms, startProgram } from '../support/program.ts';

const test = suite('npm run bench');

for (const args of [['nosuch'], ['--only', 'nosuch']]) {
  test(`${args.join(' ')} is wrong usage, and the line names the rows`, async () => {
    const { status, stdout, stderr } = await startProgram('bench/runBench.ts', {}, args).ended;
    assert.equal([status, stdout], [2, '']);
    assert.match(stderr, /"nosuch".*grab.*grab-flood, growth, log-in-attack, overload, projection, workers\n$/);
    assert.is(stderr.trim().split('\n').length, 1);
  });
}

test('--against a revision that git does not know is wrong usage, in one line', async () => {
  const { status, stdout, stderr } = await startProgram('bench/runBench.ts', {}, ['--against', 'nosuch']).ended;
  assert.equal([status, stdout, stderr], [2, '', '--against: git knows no revision "nosuch"\n']);
});

test('--against HEAD prints each row with its ratios, and leaves nothing in the temporary folder', async () => {
  const folder = createDataDir();
  const args = ['--against', 'HEAD', '--only', 'sold-out,for-update', '--seconds', '0.2', '--rounds', '2', '--json'];

  const { status, stdout, stderr } = await startProgram('bench/runBench.ts', { TMPDIR: folder }, args).ended;

  assert.is(status, 0, stderr);
  const { rows, leftOut }: PairReport = JSON.parse(stdout);
  assert.equal(leftOut, []);
  // A baseline is a server of this tree: there is nothing to compare.
  assert.equal(
    rows.map(({ name }) => name),
    ['sold-out'],
  );
  for (const ratio of [rows[0]?.ratio.perSecond, rows[0]?.ratio.p99]) assert.ok(Number(ratio) > 0, stdout);
  assert.equal(readdirSync(folder), []);
});

for (const phase of ['the set-up', 'the measurement']) {
  test(`a signal in ${phase} of a comparison ends it with status 1 and leaves no process`, async () => {
    const folder = createDataDir();
    const args = [
      '--against',
      'HEAD',
      '--only',
      'sold-out',
      '--seconds',
      '0.3',
      '--rounds',
      '99',
      '--connections',
      '4',
    ];
    const bench = startProgram('bench/runBench.ts', { TMPDIR: folder }, args);
    while (!readdirSync(folder).some((name) => name.startsWith('seckill-bench-'))) await sleep(10);
    if (phase === 'the measurement') await bench.printed(/^measuring: /m);

    bench.kill('SIGTERM');
    const { status, stdout, stderr } = await bench.ended;

    assert.equal([status, stdout], [1, '']);
    assert.match(stderr, /^interrupted$/m);
    assert.equal(readdirSync(folder), []);
    if (process.platform === 'linux') assert.equal(processesOf(folder), []);
  });
}

test.after(endPrograms);
test.run();
