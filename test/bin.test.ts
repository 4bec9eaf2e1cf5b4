import { existsSync, readdirSync, readFileSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createDataDir } from './support/dataDirs.ts';
import { endPrograms, startProgram } from './support/program.ts';
import { createProgramFolder } from './support/programFolder.ts';

// The start script and its caches, which hold the modules of earlier starts.

const test = suite('bin/run.mjs');

const run = (folder: string, environment: NodeJS.ProcessEnv = {}) =>
  startProgram('src/program.ts', environment, [], folder).ended;
const printing = (word: string) => `const word: string = '${word}';\nconsole.log(word);\n`;

test('given a file edited without a change of its size and time, when it is started again, then the edited text runs', async () => {
  const folder = createProgramFolder({ 'src/program.ts': printing('old') });
  const file = join(folder, 'src/program.ts');
  const { atime, mtime } = statSync(file);
  assert.is((await run(folder)).stdout, 'old\n');
  assert.is((await run(folder)).stdout, 'old\n');

  writeFileSync(file, printing('new'));
  utimesSync(file, atime, mtime);

  assert.is((await run(folder)).stdout, 'new\n');
});

test('given an edited module that is imported, when the program is started again, then the edited text runs', async () => {
  const folder = createProgramFolder({
    'src/program.ts': `import { word } from './word.ts';\nconsole.log(word);\n`,
    'src/word.ts': `export const word: string = 'old';\n`,
  });
  assert.is((await run(folder)).stdout, 'old\n');

  writeFileSync(join(folder, 'src/word.ts'), `export const word: string = 'new';\n`);

  assert.is((await run(folder)).stdout, 'new\n');
});

for (const start of ['first', 'second']) {
  test(`an error at the ${start} start shows the file, line and column of its TypeScript source`, async () => {
    const source =
      'interface Unused {\n  a: number;\n}\n\nconst x = (y: Unused | string): never => { throw new Error(String(y)); };\nx("z");\n';
    const folder = createProgramFolder({ 'src/program.ts': source });
    if (start === 'second') await run(folder);

    const { status, stderr } = await run(folder);

    assert.is(status, 1);
    assert.match(stderr, /src\/program\.ts:5:50\b/);
    assert.match(stderr, /src\/program\.ts:6:1\b/);
  });
}

const whereNoCache: [given: string, prepare: (folder: string) => NodeJS.ProcessEnv][] = [
  [
    'a folder in which no cache can be written',
    (folder) => {
      writeFileSync(join(folder, '.cache'), '');
      return {};
    },
  ],
  ['NODE_DISABLE_COMPILE_CACHE', () => ({ NODE_DISABLE_COMPILE_CACHE: '1' })],
];
for (const [given, prepare] of whereNoCache) {
  test(`given ${given}, a program starts without a message and without a cache`, async () => {
    const folder = createProgramFolder({ 'src/program.ts': printing('good') });
    const environment = prepare(folder);

    assert.equal(await run(folder, environment), { status: 0, stdout: 'good\n', stderr: '' });

    const cache = join(folder, '.cache');
    assert.not(existsSync(cache) && statSync(cache).isDirectory());
  });
}

// The hook is not used by a Node that strips types itself, so it is called here.
const loadHook = async (cache: string | undefined) => {
  const hook: { initialize(data: object): void; load(url: string, context: object): Promise<{ source: string }> } =
    await import(new URL('../bin/stripTypes.mjs', import.meta.url).href);
  hook.initialize({ cache });
  return hook.load;
};

test('given a damaged entry in the cache of stripped files, when the file is loaded, then it is stripped again', async () => {
  const folder = createProgramFolder({ 'src/program.ts': printing('good') });
  const cache = createDataDir();
  const load = await loadHook(cache);
  const url = `file://${join(folder, 'src/program.ts')}`;
  const { source } = await load(url, {});
  const [entry = '', ...others] = readdirSync(cache);
  assert.equal(others, []);

  writeFileSync(join(cache, entry), source.slice(0, 20));

  assert.is((await load(url, {})).source, source);
  assert.is(readFileSync(join(cache, entry), 'utf8'), source);
});

test('given an entry in the cache of stripped files, when the file is loaded, then the entry is used', async () => {
  const folder = createProgramFolder({ 'src/program.ts': printing('good') });
  const cache = createDataDir();
  const load = await loadHook(cache);
  const url = `file://${join(folder, 'src/program.ts')}`;
  const { source } = await load(url, {});
  const [entry = ''] = readdirSync(cache);

  writeFileSync(join(cache, entry), source.replace('good', 'kept'));

  assert.match((await load(url, {})).source, /'kept'/);
});

test.after(endPrograms);
test.run();
