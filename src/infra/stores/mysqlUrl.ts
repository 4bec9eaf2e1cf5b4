import { isIP } from 'node:net';
import { OperatorError } from '../../operatorError.ts';
import { splitHosts } from '../failover/hosts.ts';
import { decodedPath, readParameters, readTlsFiles, type TlsFiles } from './urlParameters.ts';

const PARAMETERS = ['socketPath', 'ssl', 'ssl-mode', 'ssl-ca', 'ssl-cert', 'ssl-key'] as const;
type Parameters = Partial<Record<(typeof PARAMETERS)[number], string>>;

/** As the mysql command names them. PREFERRED is missing: it would connect in the clear without a word. */
const MODES = ['DISABLED', 'REQUIRED', 'VERIFY_CA', 'VERIFY_IDENTITY'] as const;
type Mode = (typeof MODES)[number];

export interface MysqlOptions {
  host?: string;
  port?: number;
  socketPath?: string;
  ssl?: TlsFiles & { rejectUnauthorized: boolean; verifyIdentity: boolean; minVersion: 'TLSv1.2' };
  user: string;
  password: string;
  database: string;
}

/**
 * The options of a connection to `mysql://user:password@host:port/database`, or to a socket with `?socketPath=/path`. TLS:
 * `ssl-mode` (DISABLED, REQUIRED, VERIFY_CA, VERIFY_IDENTITY), `ssl-ca`, `ssl-cert` and `ssl-key` (paths of PEM files); `ssl=true` is
 * VERIFY_IDENTITY, `ssl=false` DISABLED. Of several hosts (`host1:port,host2:port`) it is the first. Throws OperatorError for
 * everything else.
 */
export function parseMysqlUrl(text: string): MysqlOptions {
  const [first] = parseMysqlHosts(text);
  return first;
}

/** The same for each host, in their order. */
export function parseMysqlHosts(text: string): [first: MysqlOptions, ...others: MysqlOptions[]] {
  const [first, ...others] = splitHosts(text);
  return [parseHost(first), ...others.map(parseHost)];
}

function parseHost(text: string): MysqlOptions {
  const url = new URL(text);
  const parameters = readParameters('MYSQL_URL', url, PARAMETERS);
  const database = decodedPath(url);
  if (database === '')
    throw new OperatorError('MYSQL_URL: names no database (mysql://user:password@host:3306/DATABASE)');
  const { socketPath } = parameters;
  const ssl = tlsOf(parameters, url.hostname);
  return {
    ...(socketPath === undefined ? { host: url.hostname, port: Number(url.port || 3306) } : { socketPath }),
    ...(ssl === undefined ? {} : { ssl }),
    user: decodeURIComponent(url.username),
    password: decodeURIComponent(url.password),
    database,
  };
}

function tlsOf(parameters: Parameters, host: string): MysqlOptions['ssl'] {
  const files = readTlsFiles('MYSQL_URL', {
    ca: parameters['ssl-ca'],
    cert: parameters['ssl-cert'],
    key: parameters['ssl-key'],
  });
  const mode = modeOf(parameters);
  if (mode === 'DISABLED') {
    if (Object.keys(files).length > 0)
      throw new OperatorError('MYSQL_URL: certificates are given, but TLS is disabled');
    return undefined;
  }
  if (parameters.socketPath !== undefined) throw new OperatorError('MYSQL_URL: no TLS on a socket');
  if (mode === 'VERIFY_IDENTITY' && isIP(host) !== 0)
    throw new OperatorError('MYSQL_URL: ssl-mode=VERIFY_IDENTITY needs a host name, not an address; use VERIFY_CA');
  return {
    ...files,
    rejectUnauthorized: mode !== 'REQUIRED',
    verifyIdentity: mode === 'VERIFY_IDENTITY',
    minVersion: 'TLSv1.2',
  };
}

function modeOf({ ssl, 'ssl-mode': mode, ...more }: Parameters): Mode {
  if (ssl !== undefined && mode !== undefined) throw new OperatorError('MYSQL_URL: ssl and ssl-mode: one of the two');
  if (ssl !== undefined) {
    if (ssl === 'true') return 'VERIFY_IDENTITY';
    if (ssl === 'false') return 'DISABLED';
    throw new OperatorError('MYSQL_URL: ssl: expected true or false; files are given by ssl-ca, ssl-cert and ssl-key');
  }
  if (mode === undefined) return more['ssl-ca'] === undefined ? 'DISABLED' : 'VERIFY_CA';
  const known = MODES.find((name) => name === mode.toUpperCase());
  if (known === undefined) throw new OperatorError(`MYSQL_URL: ssl-mode: expected ${MODES.join(', ')}`);
  return known;
}
