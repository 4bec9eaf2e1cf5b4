import { cpSync, existsSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { OperatorError } from '../../../src/operatorError.ts';
import type { Patch } from './sabotage.ts';

const COPIED = ['src', 'bin', 'migrations', 'web', 'package.json', 'package-lock.json'];

/** A copy with the patches; `more` are further files or folders of it. */
export function copyProject(from: string, to: string, patches: readonly Patch[], more: readonly string[] = []): void {
  for (const part of [...COPIED, ...more]) cpSync(join(from, part), join(to, part), { recursive: true });
  symlinkSync(join(from, 'node_modules'), join(to, 'node_modules'));
  for (const { file, find, replace } of patches) {
    const path = join(to, file);
    const text = existsSync(path) ? readFileSync(path, 'utf8') : '';
    let times = 0;
    const patched = text.replaceAll(find, (...match) => {
      times++;
      return replace.replace('$1', String(match[1]));
    });
    if (times !== 1) throw new OperatorError(`${file} has ${find} ${times} times, not once`);
    writeFileSync(path, patched);
  }
}
