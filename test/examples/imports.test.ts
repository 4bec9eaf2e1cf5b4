import { readdirSync, readFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';

// A shop has the client and packages of npm, and nothing else of this project.

const folder = new URL('../../examples/shop/', import.meta.url);
/** They start the parts of the example, and belong to no shop. */
const LAUNCHER = ['main.ts', 'seckill.ts'];
const test = suite('the imports of the example shop');

const files = readdirSync(folder).filter((file) => file.endsWith('.ts') && !LAUNCHER.includes(file));
for (const file of files) {
  test(`${file} imports nothing of this project but the client and other files of the shop`, () => {
    const source = readFileSync(new URL(file, folder), 'utf8');
    const paths = [...source.matchAll(/ from '(\.[^']+)'/g)].map(([, path = '']) => path);
    assert.equal(
      paths.filter((path) => !/^(\.\/\w+|\.\.\/\.\.\/client\/\w+(\.d)?)\.ts$/.test(path)),
      [],
    );
  });
}

test('the shop has files', () => {
  assert.ok(files.length >= 5);
});

test.run();
