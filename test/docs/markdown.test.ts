import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';

const root = fileURLToPath(new URL('../..', import.meta.url));
const MAX_COLUMNS = 120;
const documents = [
  ...readdirSync(root).map((file) => ['', file] as const),
  ...readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' }).map((file) => ['docs', file] as const),
].flatMap(([folder, file]) => (file.endsWith('.md') ? [join(folder, file)] : []));

const test = suite('the Markdown files');

/** Lines of prose: outside of code and tables. A word that is longer than a line (an address) may stand alone. */
function proseOf(text: string): string[] {
  const prose = text.replace(/^( *)```[\s\S]*?^\1```$/gm, '');
  return prose.split('\n').filter((line) => !line.startsWith('|') && !line.startsWith('![') && / \S/.test(line.trim()));
}

for (const file of documents) {
  test(`${file}: no line of prose is longer than ${MAX_COLUMNS} columns`, () => {
    for (const line of proseOf(readFileSync(join(root, file), 'utf8'))) assert.ok(line.length <= MAX_COLUMNS, line);
  });

  test(`${file}: every relative link leads to a file`, () => {
    const text = readFileSync(join(root, file), 'utf8');
    for (const [, target = ''] of text.matchAll(/\]\((?!\w+:|#)([^)#\s]+)/g)) {
      assert.ok(existsSync(join(root, file, '..', target)), `${file} links to ${target}`);
    }
  });
}

test.run();
