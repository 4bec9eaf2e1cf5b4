import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createDataDir } from './dataDirs.ts';
import { endPrograms, startProgram } from './program.ts';

// The test runner itself: a test file that proves nothing must fail.

const test = suite('the test runner');
const uvu = import.meta.resolve('uvu');

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
  ['a passing test', `import { test } from '${uvu}'; test('x', () => {}); test.run();`, '1 passed, 0 failed'],
];

for (const [what, source, last] of files) {
  test(`${what}: ${last}`, async () => {
    const folder = join(createDataDir(), 'tests');
    mkdirSync(folder);
    writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
    writeFileSync(join(folder, 'one.test.ts'), source);
    const { status, stdout } = await startProgram('test/runTests.ts', {}, ['--folder', folder]).ended;
    assert.is(stdout.trim().split('\n').at(-1), last);
    assert.is(status, last.endsWith(' 0 failed') ? 0 : 1);
  });
}

test('the fast run leaves out a file that uses stores, by itself or through a helper, and no other file', async () => {
  const folder = join(createDataDir(), 'fast');
  mkdirSync(folder);
  const passing = `import { test } from '${uvu}'; test('x', () => {}); test.run();`;
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
  writeFileSync(join(folder, 'helper.ts'), 'export const url = process.env.TEST_MYSQL_URL;');
  writeFileSync(join(folder, 'direct.test.ts'), `console.log(process.env.TEST_MYSQL_URL); ${passing}`);
  writeFileSync(
    join(folder, 'indirect.test.ts'),
    `import './helper.ts'; import { url } from './helper.ts'; url; ${passing}`,
  );
  writeFileSync(join(folder, 'without.test.ts'), passing);
  const { status, stdout } = await startProgram('test/runTests.ts', {}, ['--fast', '--folder', folder]).ended;
  assert.match(stdout, /without\.test\.ts/);
  assert.not.match(stdout, /direct\.test\.ts/);
  assert.is(stdout.trim().split('\n').at(-1), '1 passed, 0 failed');
  assert.is(status, 0);
});

test.after(endPrograms);
test.run();
