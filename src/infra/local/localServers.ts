import type { Config, ServerConfig } from '../../config.ts';
import { OperatorError } from '../../operatorError.ts';
import { openAll } from '../closers.ts';
import { keptSecret, openDataDir } from './dataDir.ts';
import { ensurePrograms, findProgram } from './install.ts';
import { keepRunning } from './keepRunning.ts';
import { openLocalMariadb } from './localMariadb.ts';
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
    if (redisUrl === undefined || mysqlUrl === undefined || jwtSecret === undefined) {
      const { dataDir, close } = await openDataDir(given.dataDir);
      remember(close);
      jwtSecret ??= keptSecret(dataDir);
      ensurePrograms(
        [...(redisUrl ? [] : ['redis-server' as const]), ...(mysqlUrl ? [] : ['mariadbd' as const])],
        announce,
      );
      if (mysqlUrl === undefined) {
        const mariadb = await openLocalMariadb(dataDir, programPath('mariadbd'));
        remember(mariadb.close);
        remember(keepRunning('MariaDB', mariadb, announce));
        mysqlUrl = mariadb.url;
      }
      if (redisUrl === undefined) {
        const redis = await openLocalRedis(dataDir, programPath('redis-server'));
        remember(redis.close);
        remember(keepRunning('Redis', redis, announce));
        redisUrl = redis.url;
      }
    }
    const config: ServerConfig = { ...given, redisUrl, mysqlUrl, jwtSecret };
    return { config };
  });
