import { readConfig } from '../config.ts';
import { type Closer, openAll } from '../infra/closers.ts';
import { isInUse, socketDirOf } from '../infra/local/dataDir.ts';
import { localMariadbUrl } from '../infra/local/localMariadb.ts';
import { localRedisUrl } from '../infra/local/localRedis.ts';
import { openLocalServers } from '../infra/local/localServers.ts';
import { createDatabase } from '../infra/stores/mysql.ts';
import { openMysql } from '../infra/stores/openMysql.ts';

export interface StoreNeeds {
  redis: boolean;
  /** Creates the database first, if it is missing. */
  createDatabase?: boolean;
}

/** The stores of one tool, with the tables up to date. */
export interface ToolStores {
  mysqlUrl: string;
  /** Empty where the tool does not need Redis and no URL is given. */
  redisUrl: string;
  /** The names of the migrations that were needed. */
  migrated: string[];
}

/** Finds or starts the stores of a tool and migrates the tables. The closer stops the servers that were started here. */
export const openToolStores = (needs: StoreNeeds): Promise<ToolStores & { close: Closer }> =>
  openAll(async (remember) => {
    const { mysqlUrl, redisUrl, close: closeServers } = await openServers(needs);
    remember(closeServers);
    // If this fails, the next line fails for the same reason and reports it.
    if (needs.createDatabase) await createDatabase(mysqlUrl).catch(() => {});
    const { migrated, close: closeMysql } = await openMysql(mysqlUrl);
    await closeMysql();
    return { mysqlUrl, redisUrl, migrated };
  });

/**
 * The given servers; or the private servers of the process that runs on DATA_DIR; or, if none runs, the private servers, started
 * here.
 */
async function openServers(needs: StoreNeeds): Promise<{ mysqlUrl: string; redisUrl: string; close: Closer }> {
  const given = readConfig(process.env, { needsSecret: false });
  const { mysqlUrl, redisUrl, dataDir } = given;
  const close = () => {};
  if (mysqlUrl !== undefined && (redisUrl !== undefined || !needs.redis))
    return { mysqlUrl, redisUrl: redisUrl ?? '', close };
  if (await isInUse(dataDir)) {
    const sockets = socketDirOf(dataDir);
    return { mysqlUrl: mysqlUrl ?? localMariadbUrl(sockets), redisUrl: redisUrl ?? localRedisUrl(sockets), close };
  }
  const local = await openLocalServers(given, (line) => console.error(line));
  return { mysqlUrl: local.config.mysqlUrl, redisUrl: local.config.redisUrl, close: local.close };
}
