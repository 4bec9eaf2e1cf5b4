import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readConfig } from '../../src/config.ts';
import { openAll } from '../../src/infra/closers.ts';
import { openLocalServers } from '../../src/infra/local/localServers.ts';
import { loadScripts } from '../../src/infra/scripts.ts';
import { connectOnce } from '../../src/infra/stores/mysql.ts';
import { openMysql } from '../../src/infra/stores/openMysql.ts';
import { openRedis } from '../../src/infra/stores/redis.ts';
import { createLog } from '../../src/infra/telemetry/log.ts';

/** Fresh private stores with their tables and scripts, and no server on them: for what runs in this very process. */
export const openStores = () =>
  openAll(async (remember) => {
    const dataDir = mkdtempSync(join(tmpdir(), 'seckill-bench-'));
    remember(() => rmSync(dataDir, { recursive: true, force: true }));
    const local = await openLocalServers(readConfig({ DATA_DIR: dataDir }), (line) => console.error(line));
    remember(local.close);
    const { mysql, close } = await openMysql(local.config.mysqlUrl);
    remember(close);
    const { connection, close: closeConnection } = await connectOnce(local.config.mysqlUrl);
    remember(closeConnection);
    const log = createLog('warn');
    const { redis, close: closeRedis } = await openRedis(local.config.redisUrl, log);
    remember(closeRedis);
    await loadScripts(redis);
    const pidIn = (server: string, file: string) => Number(readFileSync(join(dataDir, server, file), 'utf8'));
    const pids = { mysql: pidIn('mariadb', 'mariadb.pid'), redis: pidIn('redis', 'redis.pid') };
    return { config: local.config, mysql, redis, log, connection, pids };
  });
