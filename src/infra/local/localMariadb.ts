import { chmodSync, existsSync, mkdirSync, rmSync } from 'node:fs';
import { totalmem, userInfo } from 'node:os';
import { join } from 'node:path';
import { createConnection } from 'mysql2/promise';
import { answers, type DataDir } from './dataDir.ts';
import type { LocalServer } from './keepRunning.ts';
import { startLocalProcess, waitForEnd } from './localProcess.ts';
import { createMariadbData } from './mariadbData.ts';

const DATABASE = 'seckill';

async function run(socketPath: string, sql: string): Promise<void> {
  const connection = await createConnection({ socketPath, user: 'root', connectTimeout: 5_000 });
  try {
    await connection.query(sql);
  } finally {
    connection.destroy();
  }
}

// An event log that fits into the buffer pool is read from memory when Redis is rebuilt. MariaDB allocates the memory on demand.
const bufferPoolBytes = () => Math.min(2 ** 30, Math.max(2 ** 27, Math.floor(totalmem() / 8)));

const socketIn = (socketDir: string) => join(socketDir, 'mariadb.sock');
/** `root` owns the tables: tools and migrations are its work. `seckill` has only what the server needs (openMysql.ts creates it). */
export const localMariadbUrl = (socketDir: string, user: 'root' | 'seckill') =>
  `mysql://${user}@localhost/${DATABASE}?socketPath=${encodeURIComponent(socketIn(socketDir))}`;

/** Starts the private MariaDB of this data folder, or takes over the server that a killed process left running. */
export async function openLocalMariadb(dataDir: DataDir, program: string): Promise<LocalServer> {
  const folder = join(dataDir.path, 'mariadb');
  const data = join(folder, 'data');
  const socket = socketIn(dataDir.socketDir);
  const pidFile = join(folder, 'mariadb.pid');
  const user = userInfo().username;
  const temporary = join(folder, 'tmp');
  mkdirSync(temporary, { recursive: true, mode: 0o700 });
  const ready = async () => {
    await run(socket, `CREATE DATABASE IF NOT EXISTS ${DATABASE}`);
    // MariaDB lets every user of the machine use its socket. The folder around it is closed to them before the socket exists.
    chmodSync(socket, 0o600);
  };
  const start = async () => {
    rmSync(pidFile, { force: true });
    if (!existsSync(data)) await createMariadbData(data, temporary);
    const settings = {
      datadir: data,
      tmpdir: temporary,

      socket,
      'pid-file': pidFile,
      user,
      // A COMMIT is acknowledged only when it is on the disk.
      'innodb-flush-log-at-trx-commit': 1,
      'innodb-buffer-pool-size': bufferPoolBytes(),
      'character-set-server': 'utf8mb4',
      'transaction-isolation': 'READ-COMMITTED',
    };
    const args = Object.entries(settings).map(([name, value]) => `--${name}=${value}`);
    const all = ['--no-defaults', '--skip-networking', '--skip-log-bin', ...args];
    await startLocalProcess({ program, args: all, logFile: join(folder, 'mariadb.log'), ready });
  };
  await ((await answers(socket)) ? ready() : start());
  const close = async () => {
    if (!(await answers(socket))) return;
    // MariaDB may close the connection before it replies, so success is read from the pid file.
    await run(socket, 'SHUTDOWN').catch(() => {});
    await waitForEnd(pidFile);
  };
  return { url: localMariadbUrl(dataDir.socketDir, 'root'), pidFile, start, close };
}
