import { readConfig } from '../config.ts';
import { openAll } from '../infra/closers.ts';
import { isInUse, socketDirOf } from '../infra/local/dataDir.ts';
import { localMariadbUrl } from '../infra/local/localMariadb.ts';
import { localRedisUrl } from '../infra/local/localRedis.ts';
import { openLocalServers } from '../infra/local/localServers.ts';

/**
 * Where the stores are for a command that works beside a server: the given ones; or the private ones of the server that runs
 * on DATA_DIR; or, when none runs, the private ones, started here and stopped by the closer.
 */
export const openStores = (needs: { redis: boolean }) =>
  openAll(async (remember) => {
    const given = readConfig(process.env, { needsSecret: false });
    const { mysqlUrl, redisUrl, dataDir } = given;
    if (mysqlUrl !== undefined && (redisUrl !== undefined || !needs.redis)) {
      return { mysqlUrl, redisUrl: redisUrl ?? '' };
    }
    if (await isInUse(dataDir)) {
      const sockets = socketDirOf(dataDir);
      return { mysqlUrl: mysqlUrl ?? localMariadbUrl(sockets), redisUrl: redisUrl ?? localRedisUrl(sockets) };
    }
    const { config, close } = await openLocalServers(given, (line) => console.error(line));
    remember(close);
    return { mysqlUrl: config.mysqlUrl, redisUrl: config.redisUrl };
  });
