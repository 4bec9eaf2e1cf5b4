import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { choosePackage, ensurePrograms, findProgram } from '../../../src/infra/local/install.ts';

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

const releases: [release: string, available: string[], server: string][] = [
  ['Debian 11', ['mariadb-server-core-10.5', 'mariadb-server-10.5', 'mariadb-server'], 'mariadb-server-core-10.5'],
  ['Debian 12 and 13', ['mariadb-server-core', 'mariadb-server'], 'mariadb-server-core'],
  ['Ubuntu 22.04', ['mariadb-server-core-10.6', 'mariadb-server'], 'mariadb-server-core-10.6'],
  ['Ubuntu 24.04', ['mariadb-server-core'], 'mariadb-server-core'],
  ['two versions', ['mariadb-server-core-9.9', 'mariadb-server-core-10.11'], 'mariadb-server-core-10.11'],
  ['no such package', [], 'mariadb-server-core'],
];
for (const [release, available, server] of releases) {
  test(`on ${release}, the package ${server} is installed`, () => {
    assert.is(choosePackage('mariadb-server-core', available), server);
  });
}

test.run();
