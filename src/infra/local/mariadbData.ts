import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, renameSync, rmSync, symlinkSync, unlinkSync } from 'node:fs';
import { userInfo } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { OperatorError } from '../../operatorError.ts';
import { findProgram } from './install.ts';
import { guarded } from './localProcess.ts';

/**
 * Creates the folder of a new MariaDB: system tables, and a `root` without a password. `temporary` belongs to this server alone, and
 * the server has to get it as its `tmpdir` too: at its start, MariaDB removes the temporary files that other servers have in the same
 * folder, even those in use. Both folders have the same parent. It initialises another folder and renames that one, because a set-up
 * that was interrupted must not leave a folder that looks like a database.
 * @throws OperatorError when the program is missing or fails
 */
export async function createMariadbData(data: string, temporary: string): Promise<void> {
  const program = findProgram('mariadb-install-db');
  if (program === undefined)
    throw new OperatorError('mariadb-install-db not found: the installation of the MariaDB server is incomplete');
  mkdirSync(temporary, { recursive: true, mode: 0o700 });
  const fresh = `${data}.new`;
  rmSync(fresh, { recursive: true, force: true });
  // The program is a shell script that parts a path at its spaces, and would change the owner of another folder: it gets a plain
  // path that leads to ours.
  const link = join('/tmp', `seckill-setup-${randomBytes(8).toString('hex')}`);
  symlinkSync(dirname(fresh), link);
  const { file, args, env } = guarded(program, [
    '--no-defaults',
    `--datadir=${join(link, basename(fresh))}`,
    `--user=${userInfo().username}`,
    '--skip-test-db',
    '--skip-name-resolve',
    '--auth-root-authentication-method=normal',
  ]);
  try {
    await promisify(execFile)(file, args, { env: { ...env, TMPDIR: join(link, basename(temporary)) } });
  } catch (error) {
    const { stderr, stdout, message } = error as Error & { stderr: string; stdout: string };
    throw new OperatorError(`mariadb-install-db failed: ${(stderr || stdout || message).trim().split('\n')[0]}`);
  } finally {
    unlinkSync(link);
  }
  renameSync(fresh, data);
}
