import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ensurePrograms, findProgram } from '../../../src/infra/local/install.ts';

const test = suite('the installation of programs');

test('programs on PATH are found, and nothing is installed or printed', () => {
  assert.match(findProgram('redis-server') ?? '', /\/redis-server$/);
  const lines: string[] = [];

  ensurePrograms(['redis-server', 'mariadbd'], (line) => void lines.push(line));

  assert.equal(lines, []);
});

test('when a program is missing and apt is not available, the error is one line with the package to install', () => {
  const { PATH } = process.env;
  process.env.PATH = '/nowhere';
  try {
    assert.throws(
      () => ensurePrograms(['redis-server'], () => {}),
      (error: Error) =>
        /^redis-server not found\. Install: .*apt-get install redis-server/.test(error.message) &&
        !error.message.includes('\n'),
    );
  } finally {
    process.env.PATH = PATH;
  }
});

test.run();
