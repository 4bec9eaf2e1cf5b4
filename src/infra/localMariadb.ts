import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { createConnection } from 'mysql2/promise';
import { ConfigError } from '../config.ts';
import type { Closer } from './closers.ts';
import { answers, type DataDir } from './dataDir.ts';
import { findProgram } from './install.ts';
import { startLocalProcess, waitForEnd } from './localProcess.ts';

const DATABASE = 'seckill';

async function run(socketPath: string, sql: string): Promise<void> {
  const connection = await createConnection({ socketPath, user: 'root', connectTimeout: 5_000 });
  try {
    await connection.query(sql);
  } finally {
    connection.destroy();
  }
}

// Into a folder beside it first: a set-up that was cut off leaves nothing that looks like a database.
function setUp(data: string, user: string): void {
  const program = findProgram('mariadb-install-db');
  if (program === undefined)
    throw new ConfigError('mariadb-install-db not found: the MariaDB server is not completely installed');
  const fresh = `${data}.new`;
  rmSync(fresh, { recursive: true, force: true });
  const args = ['--no-defaults', `--datadir=${fresh}`, `--user=${user}`, '--skip-test-db', '--skip-name-resolve'];
  const { status, stdout, stderr } = spawnSync(program, [...args, '--auth-root-authentication-method=normal'], {
    encoding: 'utf8',
  });
  if (status !== 0) throw new ConfigError(`mariadb-install-db failed: ${(stderr || stdout).trim().split('\n')[0]}`);
  renameSync(fresh, data);
}

const socketIn = (socketDir: string) => join(socketDir, 'mariadb.sock');
export const localMariadbUrl = (socketDir: string) =>
  `mysql://root@localhost/${DATABASE}?socketPath=${encodeURIComponent(socketIn(socketDir))}`;

/** Starts the private MariaDB of this data folder, or takes over the one that a killed process left running. */
export async function openLocalMariadb(dataDir: DataDir, program: string): Promise<{ url: string; close: Closer }> {
  const folder = join(dataDir.path, 'mariadb');
  const data = join(folder, 'data');
  const socket = socketIn(dataDir.socketDir);
  const pidFile = join(folder, 'mariadb.pid');
  const user = userInfo().username;
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const ready = () => run(socket, `CREATE DATABASE IF NOT EXISTS ${DATABASE}`);
  if (!(await answers(socket))) {
    rmSync(pidFile, { force: true });
    if (!existsSync(data)) setUp(data, user);
    const settings = {
      datadir: data,
      socket,
      'pid-file': pidFile,
      user,
      // A commit is on the disk when it is answered.
      'innodb-flush-log-at-trx-commit': 1,
      'innodb-buffer-pool-size': '256M',
      'character-set-server': 'utf8mb4',
      'transaction-isolation': 'READ-COMMITTED',
    };
    const args = Object.entries(settings).map(([name, value]) => `--${name}=${value}`);
    const all = ['--no-defaults', '--skip-networking', '--skip-log-bin', ...args];
    await startLocalProcess({ program, args: all, logFile: join(folder, 'mariadb.log'), ready });
  } else {
    await ready();
  }
  const close = async () => {
    if (!(await answers(socket))) return;
    // The connection may go before the answer comes; whether it has worked shows in the pid file.
    await run(socket, 'SHUTDOWN').catch(() => {});
    await waitForEnd(pidFile);
  };
  return { url: localMariadbUrl(dataDir.socketDir), close };
}
