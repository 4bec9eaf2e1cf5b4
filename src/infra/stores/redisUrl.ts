import { OperatorError } from '../../operatorError.ts';
import { decodedPath, readParameters, readTlsFiles, type TlsFiles } from './urlParameters.ts';

const PARAMETERS = ['db', 'username', 'password', 'ca', 'cert', 'key', 'servername'] as const;

interface RedisAddress {
  host?: string;
  port?: number;
  path?: string;
  username?: string;
  password?: string;
  tls?: TlsFiles & { servername?: string };
  db: number;
}

/**
 * The options of a connection to `redis://user:password@host:port/database`, `rediss://` for TLS, or `unix:///path/of/socket?db=2` (with
 * `username` and `password`, since such a URL has no place for them).
 * TLS: `ca`, `cert` and `key` are paths of PEM files, `servername` is the name in the server's certificate where it is not the host.
 * Throws OperatorError for everything else.
 */
export function parseRedisUrl(text: string): RedisAddress {
  const url = new URL(text);
  const { db, servername, username, password, ...paths } = readParameters('REDIS_URL', url, PARAMETERS);
  const isSocket = url.protocol === 'unix:';
  if (!isSocket && (username ?? password) !== undefined)
    throw new OperatorError('REDIS_URL: user name and password stand before the host: redis://user:password@host');
  const path = isSocket ? '' : decodedPath(url);
  if (path !== '' && db !== undefined) throw new OperatorError('REDIS_URL: the database stands twice, in path and db');
  const database = db ?? (path === '' ? '0' : path);
  if (!/^\d{1,5}$/.test(database))
    throw new OperatorError(`REDIS_URL: the database must be a number, got "${database}"`);
  const files = readTlsFiles('REDIS_URL', { ca: paths.ca, cert: paths.cert, key: paths.key });
  const hasTls = servername !== undefined || Object.keys(files).length > 0;
  if (hasTls && url.protocol !== 'rediss:') throw new OperatorError('REDIS_URL: certificates are for rediss://');
  return {
    ...(isSocket ? { path: decodeURIComponent(url.pathname) } : { host: url.hostname, port: Number(url.port || 6379) }),
    ...given('username', username ?? decodeURIComponent(url.username)),
    ...given('password', password ?? decodeURIComponent(url.password)),
    ...(url.protocol === 'rediss:' ? { tls: { ...files, ...(servername === undefined ? {} : { servername }) } } : {}),
    db: Number(database),
  };
}

const given = (name: 'username' | 'password', value: string) => (value === '' ? {} : { [name]: value });
