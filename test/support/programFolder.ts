import { cpSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createDataDir } from './dataDirs.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** A folder with the start script of the project and its packages, for programs that consist of the given files. */
export function createProgramFolder(files: Record<string, string>): string {
  const folder = createDataDir();
  for (const part of ['bin', 'package.json', 'package-lock.json'])
    cpSync(join(root, part), join(folder, part), { recursive: true });
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
  mkdirSync(join(folder, 'src'));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  return folder;
}
