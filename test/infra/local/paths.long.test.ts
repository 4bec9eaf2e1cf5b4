import { cpSync, mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createDataDir } from '../../support/dataDirs.ts';
import { endPrograms, startProgram } from '../../support/program.ts';

// A path goes into shell scripts, URLs, the configuration of servers and sockets. Each of them reads some characters as its own.

const test = suite('paths with unusual characters');
const root = fileURLToPath(new URL('../../..', import.meta.url));

const names: [what: string, name: string][] = [
  ['spaces at the ends and inside', ' a  b '],
  ['quotes, a backslash and a dollar', `a'b"c\\d$e\`f`],
  ['characters of URLs, globs and shells', '*a#b%41c?d&e=f+g[b];c|d'],
  ['other scripts, an emoji, a dash first and a line feed', '-é优惠🎁\na'],
  ['more than a socket can have', 'x'.repeat(150)],
];

for (const [what, name] of names) {
  test(`given a DATA_DIR with ${what}, when the server starts, then it listens, and a stop leaves no server behind`, async () => {
    const program = startProgram('src/main.ts', { DATA_DIR: join(createDataDir(), name), LOG_LEVEL: 'warn' });
    assert.is((await fetch(`${await program.listening}/readyz`)).status, 200);
    program.kill('SIGTERM');
    const { status, stderr } = await program.ended;
    // On a busy machine a request may be slow, which is a warning too.
    const lines = stderr.split('\n').filter((line) => line !== '' && !line.includes('"msg":"request"'));
    assert.equal(lines, []);
    assert.is(status, 0);
  });
}

// But for a backslash and a question mark, which Node refuses in the path of a module.
test('given a clone in a folder with all of these characters, when the server starts, then it listens', async () => {
  const clone = join(createDataDir(), ` a'b"c$e#f%41gh*é🎁`);
  mkdirSync(clone);
  for (const part of ['bin', 'src', 'migrations', 'web', 'client', 'package.json', 'package-lock.json'])
    cpSync(join(root, part), join(clone, part), { recursive: true });
  symlinkSync(join(root, 'node_modules'), join(clone, 'node_modules'));
  const program = startProgram('src/main.ts', { DATA_DIR: join(clone, '.data') }, [], clone);
  assert.is((await fetch(`${await program.listening}/`)).status, 200);
  program.kill('SIGTERM');
  assert.is((await program.ended).status, 0);
});

test.after(endPrograms);
test.run();
