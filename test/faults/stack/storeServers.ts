import { cpSync, existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { DataDir } from '../../../src/infra/local/dataDir.ts';
import { openLocalMariadb } from '../../../src/infra/local/localMariadb.ts';
import { openLocalRedis } from '../../../src/infra/local/localRedis.ts';

/** A store that can be hurt. It is started just as `npm start` starts it. */
export interface StoreServer {
  socket: string;
  folder: string;
  /** Starts it, or starts it again on the same data; resolves when it takes commands. */
  start(): Promise<void>;
  /** SIGKILL; resolves when the process is gone. Nothing happens when it is dead already. */
  kill(): Promise<void>;
  freeze(): void;
  thaw(): void;
  /** Kills it for good: whoever wants to start it afterwards gets an error. */
  close(): Promise<void>;
}

function createServer(name: 'redis' | 'mariadb', { path, socketDir }: DataDir, open: () => Promise<unknown>) {
  const folder = join(path, name);
  const pidFile = join(folder, `${name}.pid`);
  const pid = () => (existsSync(pidFile) ? Number(readFileSync(pidFile, 'utf8')) : 0);
  const signal = (what: NodeJS.Signals) => {
    const target = pid();
    if (target > 0) process.kill(target, what);
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
      // The pid may mean another process by the next time.
      rmSync(pidFile, { force: true });
    },
    freeze: () => signal('SIGSTOP'),
    thaw: () => signal('SIGCONT'),
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

/** A Redis's data as it is at this moment, copied beside it, and how to put it back while the Redis is dead. */
export function copyData({ folder }: StoreServer): () => void {
  const [data, copy] = [join(folder, 'appendonlydir'), `${folder}-copy`];
  rmSync(copy, { recursive: true, force: true });
  cpSync(data, copy, { recursive: true });
  return () => {
    rmSync(data, { recursive: true });
    cpSync(copy, data, { recursive: true });
  };
}

/** Empties the data folder of a dead server. */
export function emptyData({ folder }: StoreServer): void {
  rmSync(join(folder, 'appendonlydir'), { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
}
