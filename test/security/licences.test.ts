import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { root } from '../support/dockerfile.ts';
import { fetched } from '../support/packages.ts';

// A package whose licence forbids the use of the project, or demands more than to keep the licence text. The licence texts stay in
// node_modules, which the image contains. `npm run sbom` lists the licence of each package.

/** Licences that ask for no more than to keep their texts. `Unlicense`, of tweetnacl, asks for nothing. */
const everywhere = ['MIT', 'ISC', '0BSD', 'BSD-3-Clause', 'Apache-2.0', 'BlueOak-1.0.0', 'Unlicense'];
/** Licences of tools of developers, which are not distributed: of tests (MPL-2.0) and of a parser from Python. */
const inDevelopment = ['MPL-2.0', 'Python-2.0', 'PSF-2.0'];
/** Packages without a licence in package.json, with the licence that their other files have. */
const unclear: Record<string, string> = {};

/** Of alternatives one must be allowed; of licences that hold together, all. */
const isAllowed = (license: string, allowed: string[]): boolean => {
  const bare = license.replace(/^\((.*)\)$/, '$1');
  if (bare.includes(' AND ')) return bare.split(' AND ').every((part) => isAllowed(part, allowed));
  return bare.split(' OR ').some((part) => allowed.includes(part));
};

const test = suite('the licences');

for (const [license, expected] of [
  ['MIT', true],
  ['(GPL-3.0-only OR MIT)', true],
  ['MIT AND GPL-3.0-only', false],
  ['GPL-3.0-only', false],
  ['SEE LICENSE IN LICENSE.md', false],
  ['', false],
] as const) {
  test(`the licence "${license}" is ${expected ? 'allowed' : 'refused'}`, () => {
    assert.is(isAllowed(license, everywhere), expected);
  });
}

test('every package that package-lock.json names, for any platform, has an allowed licence', () => {
  const refused = fetched.filter(({ name, license = unclear[name] ?? '', dev }) =>
    dev ? !isAllowed(license, [...everywhere, ...inDevelopment]) : !isAllowed(license, everywhere),
  );
  assert.equal(
    refused.map(({ path, license }) => `${path}: ${license}`),
    [],
  );
});

test('every installed package has the licence that package-lock.json says', () => {
  const differing = fetched.flatMap(({ path, license, optional }) => {
    const file = join(root, path, 'package.json');
    // Packages for other platforms are optional and are not installed.
    if (optional && !existsSync(file)) return [];
    const installed = JSON.parse(readFileSync(file, 'utf8')).license;
    return installed === license ? [] : `${path}: ${JSON.stringify(installed)} is not ${license}`;
  });
  assert.equal(differing, []);
});

test('every licence and every exception in the lists is needed', () => {
  const used = fetched.flatMap(({ license = '' }) => license.replace(/[()]/g, '').split(/ (?:OR|AND) /));
  const unused = [...everywhere, ...inDevelopment].filter((license) => !used.includes(license));
  assert.equal(unused, []);
  assert.equal(
    Object.keys(unclear).filter((name) => !fetched.some((entry) => entry.name === name && entry.license === undefined)),
    [],
  );
});

test.run();
