import { OperatorError } from '../../operatorError.ts';
import { decodedPath, readParameters, readTlsFiles, type TlsFiles, withFirstAddress } from './urlParameters.ts';

const LOGIN_OF_SENTINELS = ['sentinelUsername', 'sentinelPassword'] as const;
const PARAMETERS = ['db', 'username', 'password', 'ca', 'cert', 'key', 'servername', ...LOGIN_OF_SENTINELS] as const;
const REDIS_PORT = 6379;
const SENTINEL_PORT = 26379;

type Tls = TlsFiles & { servername?: string };

export interface RedisAddress {
  host?: string;
  port?: number;
  path?: string;
  username?: string;
  password?: string;
  tls?: Tls;
  /** The addresses to ask for that of the master of this name. */
  sentinels?: { host: string; port: number }[];
  name?: string;
  sentinelUsername?: string;
  sentinelPassword?: string;
  sentinelTLS?: Tls;
  enableTLSForSentinelMode?: boolean;
  /** Nodes of a Redis Cluster, one of which is asked for all others. */
  seeds?: { host: string; port: number }[];
  db: number;
}

/**
 * The options of a connection to `redis://user:password@host:port/database`, `rediss://` for TLS, or `unix:///path/of/socket?db=2` (with
 * `username` and `password`, since such a URL has no place for them), or to the master that sentinels name:
 * `redis+sentinel://user:password@host:port,host:port/name?db=2`, `rediss+sentinel://` for TLS (with `sentinelUsername` and
 * `sentinelPassword` where the sentinels want them), or to a Redis Cluster: `redis+cluster://user:password@host:port,host:port`,
 * `rediss+cluster://` for TLS.
 * TLS: `ca`, `cert` and `key` are paths of PEM files, `servername` is the name in the server's certificate where it is not the host.
 * Throws OperatorError for everything else.
 */
export function parseRedisUrl(text: string): RedisAddress {
  const url = new URL(withFirstAddress(text));
  const { db, servername, username, password, sentinelUsername, sentinelPassword, ...paths } = readParameters(
    'REDIS_URL',
    url,
    PARAMETERS,
  );
  const isSocket = url.protocol === 'unix:';
  const hasSentinels = url.protocol.endsWith('+sentinel:');
  const isCluster = url.protocol.endsWith('+cluster:');
  if (!isSocket && (username ?? password) !== undefined)
    throw new OperatorError('REDIS_URL: user name and password stand before the host: redis://user:password@host');
  if (!hasSentinels && (sentinelUsername ?? sentinelPassword) !== undefined)
    throw new OperatorError('REDIS_URL: the password of sentinels is for redis+sentinel://');
  const path = isSocket || hasSentinels ? '' : decodedPath(url);
  if (path !== '' && db !== undefined) throw new OperatorError('REDIS_URL: the database stands twice, in path and db');
  if (isCluster && (path !== '' || db !== undefined))
    throw new OperatorError('REDIS_URL: a Redis Cluster has no databases');
  const database = db ?? (path === '' ? '0' : path);
  if (!/^\d{1,5}$/.test(database))
    throw new OperatorError(`REDIS_URL: the database must be a number, got "${database}"`);
  const files = readTlsFiles('REDIS_URL', { ca: paths.ca, cert: paths.cert, key: paths.key });
  const hasTls = servername !== undefined || Object.keys(files).length > 0;
  const isTls = url.protocol.startsWith('rediss');
  if (hasTls && !isTls) throw new OperatorError('REDIS_URL: certificates are for rediss://');
  const tls = { ...files, ...(servername === undefined ? {} : { servername }) };
  const login = {
    ...given('username', username ?? decodeURIComponent(url.username)),
    ...given('password', password ?? decodeURIComponent(url.password)),
  };
  if (isCluster) return { seeds: addressesIn(text, 'nodes', REDIS_PORT), ...login, ...(isTls ? { tls } : {}), db: 0 };
  if (hasSentinels)
    return {
      ...sentinelsOf(text, decodedPath(url)),
      ...login,
      ...given('sentinelUsername', sentinelUsername ?? ''),
      ...given('sentinelPassword', sentinelPassword ?? ''),
      ...(isTls ? { tls, sentinelTLS: tls, enableTLSForSentinelMode: true } : {}),
      db: Number(database),
    };
  return {
    ...(isSocket
      ? { path: decodeURIComponent(url.pathname) }
      : { host: url.hostname, port: Number(url.port || REDIS_PORT) }),
    ...login,
    ...(isTls ? { tls } : {}),
    db: Number(database),
  };
}

function sentinelsOf(text: string, name: string) {
  if (name === '')
    throw new OperatorError('REDIS_URL: the name of the master is missing: redis+sentinel://host:26379/name');
  return { sentinels: addressesIn(text, 'sentinels', SENTINEL_PORT), name };
}

function addressesIn(text: string, whose: string, usualPort: number) {
  const [, addresses = ''] = /^[^:]+:\/\/(?:[^@/]*@)?([^/?#]*)/.exec(text) ?? [];
  return addresses.split(',').map((address) => {
    const one = `redis://${address}`;
    if (address === '' || !URL.canParse(one))
      throw new OperatorError(`REDIS_URL: expected the addresses of ${whose}: host:${usualPort},host:${usualPort}`);
    const { hostname: host, port } = new URL(one);
    return { host: host.replace(/[[\]]/g, ''), port: Number(port || usualPort) };
  });
}

type Given = 'username' | 'password' | 'sentinelUsername' | 'sentinelPassword';
const given = (name: Given, value: string) => (value === '' ? {} : { [name]: value });
