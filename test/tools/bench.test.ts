import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { endPrograms, startProgram } from '../support/program.ts';

const test = suite('npm run bench');

for (const args of [['nosuch'], ['--only', 'nosuch']]) {
  test(`${args.join(' ')} is wrong usage, and the line names the rows`, async () => {
    const { status, stdout, stderr } = await startProgram('bench/runBench.ts', {}, args).ended;
    assert.equal([status, stdout], [2, '']);
    assert.match(stderr, /"nosuch".*grab.*growth, overload, projection, workers\n$/);
    assert.is(stderr.trim().split('\n').length, 1);
  });
}

test.after(endPrograms);
test.run();
