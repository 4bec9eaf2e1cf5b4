import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';

// docs/ARCHITECTURE.md is held against the tree: the walk of one grab, the rooms, and the tests of the invariants.

const root = fileURLToPath(new URL('../..', import.meta.url));
const read = (file: string) => readFileSync(join(root, file), 'utf8');
const document = read('docs/ARCHITECTURE.md');
const section = (title: string) => document.split(`\n## ${title}\n`)[1]?.split('\n## ')[0] ?? '';
const numbered = (text: string) => text.split(/^(?=\d+\. )/m).filter((item) => /^\d+\. /.test(item));
const filesIn = (text: string) =>
  [...text.matchAll(/`((?:src|test)\/[\w./-]+\.(?:ts|lua))`/g)].map(([, file = '']) => file);

/** The files under src/ that a file imports. A script is loaded by its name. */
function importsOf(file: string): string[] {
  const source = read(file);
  const imported = [...source.matchAll(/from '(\.[^']+)'/g)].map(([, path = '']) =>
    normalize(join(dirname(file), path)),
  );
  const scripts = [...source.matchAll(/runScript\(\s*[\w.]+,\s*'(\w+)'/g)].map(
    ([, name]) => `src/commands/lua/${name}.lua`,
  );
  return [...imported, ...scripts];
}

const test = suite('docs/ARCHITECTURE.md');
/** They open and subscribe what the walk goes through. */
const TIES = ['src/system.ts', 'src/subscribeProjections.ts', 'src/projections/registry.ts'];
const walk = numbered(section('The walk of one grab')).map((step) => filesIn(step)[0] ?? '');

test('the walk of one grab goes from the app to the projection that writes the row', () => {
  assert.is(walk[0], 'src/http/app.ts');
  assert.is(walk.at(-1), 'src/projections/coupons.ts');
  assert.ok(walk.length >= 10);
});

for (const [place, file] of walk.entries()) {
  if (place === 0) continue;
  test(`the walk: ${file} is imported by a file before it, or by one of those that tie the walk together`, () => {
    const before = [...walk.slice(0, place), ...TIES];
    assert.ok(before.some((earlier) => importsOf(earlier).includes(file)));
  });
}

const rooms = new Map<string, number>();
for (const entry of readdirSync(join(root, 'src'), { recursive: true, withFileTypes: true })) {
  const folder = `${entry.parentPath.slice(root.length)}/`;
  if (entry.isFile()) rooms.set(folder, (rooms.get(folder) ?? 0) + 1);
}

test('the rooms are the folders of src, each named once', () => {
  const named = [...section('The rooms').matchAll(/^\| `(src\/[\w/]*)` \|/gm)].map(([, folder]) => folder);
  assert.equal(named.sort(), [...rooms.keys()].sort());
});

test('a room is at most two folders deep under src and has some 15 files', () => {
  for (const [folder, files] of rooms) {
    assert.ok(files <= 16, `${folder} has ${files} files`);
    assert.ok(folder.split('/').length <= 4, folder);
  }
});

const invariants = numbered(section('The ten invariants'));

test('there are ten invariants, and each names a test', () => {
  assert.is(invariants.length, 10);
  for (const invariant of invariants) assert.ok(filesIn(invariant.split('Tests:')[1] ?? '').length > 0, invariant);
});

test('every file that the document names exists', () => {
  for (const file of filesIn(document)) assert.ok(existsSync(join(root, file)), file);
});

test.run();
