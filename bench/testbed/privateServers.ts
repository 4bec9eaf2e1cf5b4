import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readConfig } from '../../src/config.ts';
import { openAll } from '../../src/infra/closers.ts';
import { openLocalServers } from '../../src/infra/local/localServers.ts';

/**
 * A fresh Redis and a fresh MariaDB, started as `npm start` starts them, with their data in a temporary folder. An abort of `stop`
 * kills them: an orderly end writes data that are removed anyway, and takes seconds.
 */
export const openPrivateServers = (stop?: AbortSignal) =>
  openAll(async (remember) => {
    const dataDir = mkdtempSync(join(tmpdir(), 'seckill-bench-'));
    remember(() => rmSync(dataDir, { recursive: true, force: true }));
    const announce = (line: string) => stop?.aborted || console.error(line);
    const servers = await openLocalServers(readConfig({ DATA_DIR: dataDir }), announce);
    remember(servers.close);
    const pidIn = (...path: string[]) => Number(readFileSync(join(dataDir, ...path), 'utf8'));
    const pids = { redis: pidIn('redis', 'redis.pid'), mysql: pidIn('mariadb', 'mariadb.pid') };
    const kill = () => {
      for (const pid of Object.values(pids)) process.kill(pid, 'SIGKILL');
    };
    stop?.addEventListener('abort', kill, { once: true });
    remember(() => stop?.removeEventListener('abort', kill));
    stop?.throwIfAborted();
    // Tables are created, read and changed here as their owner.
    return { config: { ...servers.config, mysqlUrl: servers.config.mysqlOwnerUrl ?? '' }, pids };
  });
