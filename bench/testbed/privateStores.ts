import { openAll } from '../../src/infra/closers.ts';
import { loadScripts } from '../../src/infra/scripts.ts';
import { connectOnce } from '../../src/infra/stores/mysql.ts';
import { openMysql } from '../../src/infra/stores/openMysql.ts';
import { openRedis } from '../../src/infra/stores/redis.ts';
import { createLog } from '../../src/infra/telemetry/log.ts';
import { openPrivateServers } from './privateServers.ts';

/** Fresh private stores with tables and scripts, without a server process: for benchmarks that run inside this process. */
export const openPrivateStores = () =>
  openAll(async (remember) => {
    const { config, pids, close: closeServers } = await openPrivateServers();
    remember(closeServers);
    const { mysql, close } = await openMysql(config.mysqlUrl);
    remember(close);
    const { connection, close: closeConnection } = await connectOnce(config.mysqlUrl);
    remember(closeConnection);
    const log = createLog('warn');
    const { redis, close: closeRedis } = await openRedis(config.redisUrl, log);
    remember(closeRedis);
    await loadScripts(redis);
    return { config, mysql, redis, log, connection, pids };
  });
