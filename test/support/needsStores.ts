import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';

/** What starts a server or a program that starts servers, or uses the MariaDB of the test run. */
const STORES = /\b(TEST_MYSQL_URL|openLocalServers|openLocalRedis|openLocalMariadb|ensurePrograms|startProgram)\b/;

/**
 * Whether a test file needs stores: whether the file, or a helper that it imports from the folder of the tests, starts or uses one. So a
 * new test is in the fast run without a list to remember. `folder` and `file` are absolute paths.
 */
export function needsStores(folder: string, file: string, seen = new Set<string>()): boolean {
  if (seen.has(file) || !existsSync(file)) return false;
  seen.add(file);
  const source = readFileSync(file, 'utf8');
  if (STORES.test(source)) return true;
  const imported = [...source.matchAll(/from '(\.[^']+)'/g)].map(([, path = '']) => resolve(join(dirname(file), path)));
  return imported.some((path) => path.startsWith(`${folder}/`) && needsStores(folder, path, seen));
}
