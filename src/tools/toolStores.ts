import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { takeConfig } from '../config.ts';
import { type Closer, openAll } from '../infra/closers.ts';
import { splitHosts } from '../infra/failover/hosts.ts';
import { isInUse, socketDirOf } from '../infra/local/dataDir.ts';
import { localMariadbUrl } from '../infra/local/localMariadb.ts';
import { localRedisUrl } from '../infra/local/localRedis.ts';
import { openLocalServers } from '../infra/local/localServers.ts';
import { createDatabase } from '../infra/stores/mysql.ts';
import { type Migrated, migrateTables } from '../infra/stores/openMysql.ts';
import { OperatorError } from '../operatorError.ts';
import { mustHaveEmptyLog, mustHaveTables, mustHaveWriteModel } from './checkStores.ts';

export interface StoreNeeds {
  redis: boolean;
  /**
   * `present`: the tables must be there and up to date, and nothing is created. `migrate`: creates the private MariaDB and the tables
   * where they are missing. `import`: creates the database too, and refuses one that has events. `any`: nothing is checked or created.
   */
  tables: 'present' | 'any' | 'migrate' | 'import';
}

export interface ToolStores {
  mysqlUrl: string;
  /** Undefined where the tool does not need Redis and no Redis is known. */
  redisUrl: string | undefined;
  /** What `migrate` and `import` did; undefined for `present`. */
  changed: Migrated | undefined;
  /** Names both stores, without passwords. */
  description: string;
}

/**
 * Finds the stores of a tool, or starts the private servers on existing data, and checks that the tool can use them. Only `migrate`
 * and `import` create anything: a tool in the wrong folder must not report success on empty stores. The closer stops the servers
 * that were started here.
 */
export const openToolStores = (needs: StoreNeeds): Promise<ToolStores & { close: Closer }> =>
  openAll(async (remember) => {
    const { close, ...found } = await findServers(needs);
    remember(close);
    const { mysqlUrl, redisUrl } = found;
    let changed: Migrated | undefined;
    const check = (checked: Promise<void>) =>
      checked.catch((error) => {
        if (!(error instanceof OperatorError)) throw error;
        throw new OperatorError(`${error.message} (${found.description})`);
      });
    if (needs.tables === 'any') return { ...found, changed };
    if (needs.tables === 'present') await check(mustHaveTables(mysqlUrl));
    else {
      if (needs.tables === 'import') {
        // If this fails, migrateTables fails for the same reason and reports it.
        await createDatabase(mysqlUrl).catch(() => {});
        await check(mustHaveEmptyLog(mysqlUrl));
      }
      changed = await migrateTables(mysqlUrl);
    }
    if (needs.redis && redisUrl !== undefined) await check(mustHaveWriteModel(redisUrl));
    return { ...found, changed };
  });

/** The given servers; or the private servers of the process that runs on DATA_DIR; or the private servers, started here. */
async function findServers(needs: StoreNeeds): Promise<Omit<ToolStores, 'changed'> & { close: Closer }> {
  const given = takeConfig(process.env, { needsSecret: false });
  const { dataDir } = given;
  let { mysqlUrl, redisUrl } = given;
  let close: Closer = () => {};
  const isPrivate = { mysql: mysqlUrl === undefined, redis: redisUrl === undefined };
  if (mysqlUrl === undefined || (needs.redis && redisUrl === undefined)) {
    if (await isInUse(dataDir)) {
      const sockets = socketDirOf(dataDir);
      mysqlUrl ??= localMariadbUrl(sockets, 'root');
      redisUrl ??= localRedisUrl(sockets);
    } else {
      if (needs.tables === 'present' || needs.tables === 'any')
        mustHaveData(dataDir, isPrivate.mysql, needs.redis && isPrivate.redis);
      // An empty value keeps a server that this tool does not use, and the secret, from being created.
      const wanted = { ...given, jwtSecret: '', redisUrl: needs.redis ? redisUrl : (redisUrl ?? '') };
      const local = await openLocalServers(wanted, (line) => console.error(line));
      mysqlUrl = local.config.mysqlOwnerUrl ?? local.config.mysqlUrl;
      redisUrl = local.config.redisUrl || undefined;
      close = local.close;
    }
  }
  const named = (store: string, url: string, own: boolean) =>
    `${store}: ${withoutSecrets(url)}${own ? ` (private, DATA_DIR ${dataDir})` : ''}`;
  const description = [
    named('MySQL', mysqlUrl, isPrivate.mysql),
    ...(needs.redis && redisUrl !== undefined ? [named('Redis', redisUrl, isPrivate.redis)] : []),
  ].join('; ');
  return { mysqlUrl, redisUrl, description, close };
}

function mustHaveData(dataDir: string, mysql: boolean, redis: boolean): void {
  const missing = [
    ...(mysql && !existsSync(join(dataDir, 'mariadb', 'data')) ? ['MariaDB'] : []),
    ...(redis && !existsSync(join(dataDir, 'redis')) ? ['Redis'] : []),
  ];
  if (missing.length === 0) return;
  // After an import, MariaDB alone has data.
  if (!missing.includes('MariaDB'))
    throw new OperatorError(
      `DATA_DIR: Redis has not been built yet: start the server once (${dataDir} has no data of a private Redis)`,
    );
  throw new OperatorError(
    `DATA_DIR: ${dataDir} has no data of a private ${missing.join(' and ')}: ` +
      `set DATA_DIR to the folder of the server, or set ${[...(mysql ? ['MYSQL_URL'] : []), ...(redis ? ['REDIS_URL'] : [])].join(' and ')}`,
  );
}

/** The URL without its password, and without parameters, which may hold one, except the path of a socket. */
export function withoutSecrets(url: string): string {
  const [first, ...others] = splitHosts(url);
  const shown = new URL(first);
  const socket = shown.searchParams.get('socketPath');
  shown.password = '';
  shown.search = '';
  // What follows a `/` that is not percent-encoded in a password looks like the name of a database.
  if (/@|%40/.test(shown.pathname)) shown.pathname = '';
  const hosts = [shown, ...others.map((other) => new URL(other))].map(({ host }) => host);
  const user = shown.username === '' ? '' : `${shown.username}@`;
  const href = others.length === 0 ? shown.href : `${shown.protocol}//${user}${hosts.join(',')}${shown.pathname}`;
  return `${href}${socket === null ? '' : `?socketPath=${socket}`}`;
}
