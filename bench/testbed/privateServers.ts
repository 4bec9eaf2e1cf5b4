import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readConfig } from '../../src/config.ts';
import { openAll } from '../../src/infra/closers.ts';
import { openLocalServers } from '../../src/infra/local/localServers.ts';

/** A fresh Redis and a fresh MariaDB, started as `npm start` starts them, with their data in a temporary folder. */
export const openPrivateServers = () =>
  openAll(async (remember) => {
    const dataDir = mkdtempSync(join(tmpdir(), 'seckill-bench-'));
    remember(() => rmSync(dataDir, { recursive: true, force: true }));
    const servers = await openLocalServers(readConfig({ DATA_DIR: dataDir }), (line) => console.error(line));
    remember(servers.close);
    const pidIn = (...path: string[]) => Number(readFileSync(join(dataDir, ...path), 'utf8'));
    const pids = { redis: pidIn('redis', 'redis.pid'), mysql: pidIn('mariadb', 'mariadb.pid') };
    return { config: servers.config, pids };
  });
