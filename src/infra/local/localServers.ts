import type { Config, ServerConfig } from '../../config.ts';
import { OperatorError } from '../../operatorError.ts';
import { openAll } from '../closers.ts';
import { keptSecret, openDataDir } from './dataDir.ts';
import { ensurePrograms, findProgram } from './install.ts';
import { keepRunning, type LocalServer } from './keepRunning.ts';
import { localMariadbUrl, openLocalMariadb } from './localMariadb.ts';
import { openLocalRedis } from './localRedis.ts';

const programPath = (program: string) => {
  const path = findProgram(program);
  if (path === undefined) throw new OperatorError(`${program} not found`);
  return path;
};

/**
 * Completes the settings: starts a private server for each absent URL, and reads or generates the secret when none is given.
 * A private server that dies is restarted. `announce` receives a line before an installation or a restart.
 */
export const openLocalServers = (given: Config, announce: (line: string) => void) =>
  openAll(async (remember) => {
    let { redisUrl, mysqlUrl, jwtSecret } = given;
    let mysqlOwnerUrl: string | undefined;
    if (redisUrl === undefined || mysqlUrl === undefined || jwtSecret === undefined) {
      const { dataDir, close } = await openDataDir(given.dataDir);
      remember(close);
      jwtSecret ??= keptSecret(dataDir);
      ensurePrograms(
        [...(redisUrl ? [] : ['redis-server' as const]), ...(mysqlUrl ? [] : ['mariadbd' as const])],
        announce,
      );
      const open = async (name: string, openOne: () => Promise<LocalServer>) => {
        const server = await openOne();
        remember(server.close);
        remember(keepRunning(name, server, announce));
        return server.url;
      };
      // They start at the same time. When one fails, the other has to be open before it can be closed.
      const opened = await Promise.allSettled([
        mysqlUrl ?? open('MariaDB', () => openLocalMariadb(dataDir, programPath('mariadbd'))),
        redisUrl ?? open('Redis', () => openLocalRedis(dataDir, programPath('redis-server'))),
      ]);
      [mysqlUrl = '', redisUrl = ''] = opened.map((result) => {
        if (result.status === 'rejected') throw result.reason;
        return result.value;
      });
      if (given.mysqlUrl === undefined) {
        mysqlOwnerUrl = mysqlUrl;
        mysqlUrl = localMariadbUrl(dataDir.socketDir, 'seckill');
      }
    }
    const config: ServerConfig = { ...given, redisUrl, mysqlUrl, mysqlOwnerUrl, jwtSecret };
    return { config };
  });
