import { findLogGuard, type LogGuard } from '../infra/stores/eventLogGuard.ts';
import type { Mysql } from '../infra/stores/mysql.ts';
import { refusedByServer } from '../infra/stores/mysqlErrors.ts';
import { findMissingPrivileges } from '../infra/stores/mysqlGrants.ts';
import { parseMysqlUrl } from '../infra/stores/mysqlUrl.ts';
import { findMigrations } from '../infra/stores/openMysql.ts';

export interface MysqlFacts {
  isMariadb: boolean;
  version: string;
  /** Variables of a connection as the server opens it. */
  session: Record<string, string>;
  /** The same variables as other connections get them. */
  global: Record<string, string>;
  /** Connections that are open now, this one included. */
  connected: number;
  user: string;
  authentication: string;
  /** The cipher of this connection; an empty string in the clear. */
  cipher: string;
  /** Whether the connection crosses a network. */
  isRemote: boolean;
  tables: 'up to date' | 'missing' | 'of another version';
  /** These two are undefined without tables, and where the server refuses every write, since they are found by trying. */
  missingPrivileges: string[] | undefined;
  guard: LogGuard | undefined;
  workers: number;
}

/** Reads them without changing anything. `mysql` is a pool of one connection. */
export async function readMysqlFacts(mysql: Mysql, url: string, workers: number): Promise<MysqlFacts> {
  const pairs = async (sql: string): Promise<Record<string, string>> => {
    const [rows] = await mysql.raw(sql);
    return Object.fromEntries(
      (rows as { Variable_name: string; Value: string }[]).map((row) => [row.Variable_name, row.Value]),
    );
  };
  const session = await pairs('SHOW SESSION VARIABLES');
  const status = await pairs("SHOW GLOBAL STATUS LIKE 'Threads_connected'");
  const [[{ user }]] = await mysql.raw('SELECT CURRENT_USER() AS user');
  const { host = '', socketPath } = parseMysqlUrl(url);
  const { applied, known } = await findMigrations(mysql);
  const hasTables = applied.length > 0;
  return {
    isMariadb: /mariadb/i.test(`${session.version} ${session.version_comment}`),
    version: session.version ?? '',
    session,
    global: await pairs('SHOW GLOBAL VARIABLES'),
    connected: Number(status.Threads_connected),
    user,
    authentication: await authenticationOf(mysql),
    cipher: (await pairs("SHOW SESSION STATUS LIKE 'Ssl_cipher'")).Ssl_cipher ?? '',
    isRemote: socketPath === undefined && !/^(localhost|127\.|\[::1\])/.test(host),
    tables: hasTables ? (applied.join() === known.join() ? 'up to date' : 'of another version') : 'missing',
    missingPrivileges: hasTables ? await unlessRefused(findMissingPrivileges(mysql)) : undefined,
    guard: hasTables ? await unlessRefused(findLogGuard(mysql)) : undefined,
    workers,
  };
}

/** The plugin that checks this user's password; an empty string where the user may not see it. */
async function authenticationOf(mysql: Mysql): Promise<string> {
  const [[row]] = await mysql.raw('SHOW CREATE USER CURRENT_USER()').catch(() => [[]]);
  const [statement = ''] = Object.values((row ?? {}) as Record<string, string>);
  return /IDENTIFIED (?:WITH|VIA) [`']?(\w+)/i.exec(statement)?.[1] ?? '';
}

/** A server that is read-only, or whose binary log cannot take the statement, refuses before it looks at privileges. */
const unlessRefused = <T>(trying: Promise<T>): Promise<T | undefined> =>
  trying.catch((error) => {
    if (refusedByServer(error) === undefined) throw error;
    return undefined;
  });
