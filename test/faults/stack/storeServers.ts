import { cpSync, existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { DataDir } from '../../../src/infra/local/dataDir.ts';
import { openLocalMariadb } from '../../../src/infra/local/localMariadb.ts';
import { openLocalRedis } from '../../../src/infra/local/localRedis.ts';

/** A store that can be killed and frozen. It is started as `npm start` starts it. */
export interface StoreServer {
  socket: string;
  folder: string;
  /** Starts the server, or starts it again on the same data; resolves when it takes commands. */
  start(): Promise<void>;
  /** Sends SIGKILL; resolves when the process is gone. Does nothing if the server is dead already. */
  kill(): Promise<void>;
  freeze(): void;
  thaw(): void;
  /** Kills the server for good: a later start throws. */
  close(): Promise<void>;
}

function createServer(name: 'redis' | 'mariadb', { path, socketDir }: DataDir, open: () => Promise<unknown>) {
  const folder = join(path, name);
  const pidFile = join(folder, `${name}.pid`);
  const pid = () => (existsSync(pidFile) ? Number(readFileSync(pidFile, 'utf8')) : 0);
  const send = (signal: NodeJS.Signals) => {
    const target = pid();
    if (target > 0) process.kill(target, signal);
  };
  let starting: Promise<unknown> = Promise.resolve();
  let closed = false;
  const server: StoreServer = {
    socket: join(socketDir, `${name}.sock`),
    folder,
    async start() {
      if (closed) throw new Error(`${name} is closed`);
      starting = open();
      await starting;
    },
    async kill() {
      const target = pid();
      if (target > 0 && isAlive(target)) {
        process.kill(target, 'SIGKILL');
        while (isAlive(target)) await sleep(5);
      }
      // The operating system may give this pid to another process.
      rmSync(pidFile, { force: true });
    },
    freeze: () => send('SIGSTOP'),
    thaw: () => send('SIGCONT'),
    async close() {
      closed = true;
      await starting.catch(() => {});
      await server.kill();
    },
  };
  return server;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

export const createMariadbServer = (dataDir: DataDir, program: string) =>
  createServer('mariadb', dataDir, () => openLocalMariadb(dataDir, program));

/** `program` may be a wrapper that starts redis-server with other settings. */
export const createRedisServer = (dataDir: DataDir, program: string) =>
  createServer('redis', dataDir, () => openLocalRedis(dataDir, program));

/** Copies the data of a Redis as it is now. The result restores that copy; call it while the Redis is dead. */
export function copyData({ folder }: StoreServer): () => void {
  const [data, copy] = [join(folder, 'appendonlydir'), `${folder}-copy`];
  rmSync(copy, { recursive: true, force: true });
  cpSync(data, copy, { recursive: true });
  return () => {
    rmSync(data, { recursive: true });
    cpSync(copy, data, { recursive: true });
  };
}

/** Empties the data folder of a dead Redis. */
export function emptyData({ folder }: StoreServer): void {
  rmSync(join(folder, 'appendonlydir'), { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
}
