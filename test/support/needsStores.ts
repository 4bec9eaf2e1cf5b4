import { existsSync, readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';

/** The names that a test needs to start a store, to start a program with stores, or to use the MariaDB of the test run. */
const STORES =
  /\b(TEST_MYSQL_URL|openLocalServers|openLocalRedis|openLocalMariadb|createRedisServer|startLocalProcess|ensurePrograms|startProgram)\b/;
const IMPORT = /(?:\bfrom|\bimport) ?\(?'(\.[^']+)'/g;

/**
 * Whether a test file needs stores: the file itself, or a helper that it imports from the folder of the tests, starts or uses one.
 * So the fast run finds new tests without a list. `folder` and `file` are absolute paths.
 */
export function needsStores(folder: string, file: string, seen = new Set<string>()): boolean {
  if (seen.has(file) || !existsSync(file)) return false;
  seen.add(file);
  const source = readFileSync(file, 'utf8');
  if (STORES.test(source)) return true;
  const imported = [...source.matchAll(IMPORT)].map(([, path = '']) => resolve(dirname(file), path));
  return imported.some((path) => path.startsWith(`${folder}/`) && needsStores(folder, path, seen));
}
