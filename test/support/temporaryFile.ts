import { randomBytes } from 'node:crypto';
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A temporary file as another MariaDB of this machine has it, in the folder where all of them have theirs unless they are told. */
export function createTemporaryFile() {
  const path = join(tmpdir(), `#sql-temptable-${randomBytes(8).toString('hex')}.MAI`);
  writeFileSync(path, '');
  return { isThere: () => existsSync(path), close: () => rmSync(path, { force: true }) };
}
