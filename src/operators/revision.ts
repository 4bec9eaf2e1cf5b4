import { readFileSync } from 'node:fs';

const root = new URL('../../', import.meta.url);
const read = (path: string) => readFileSync(new URL(path, root), 'utf8');

/** The version of the program, and the commit that its checkout is at; an image has no checkout. */
export function readRevision(given: string | undefined): { version: string; revision: string | null } {
  const { version } = JSON.parse(read('package.json'));
  return { version: String(version), revision: given ?? readCommit() };
}

function readCommit(): string | null {
  try {
    const head = read('.git/HEAD').trim();
    const [, branch] = /^ref: (.+)$/.exec(head) ?? [];
    return branch === undefined ? head : commitOf(branch);
  } catch {
    return null;
  }
}

/** A branch has a file of its own unless git has packed it. */
function commitOf(branch: string): string | null {
  try {
    return read(`.git/${branch}`).trim();
  } catch {
    const line = read('.git/packed-refs')
      .split('\n')
      .find((packed) => packed.endsWith(` ${branch}`));
    return line?.split(' ')[0] ?? null;
  }
}
