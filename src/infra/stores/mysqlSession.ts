import type { Connection } from 'mysql2';

// Everything in a session that correctness rests on is set on each new connection, whatever the server's defaults are: an
// operator may have changed any of them for another application. The names are known to MySQL 8 and to MariaDB 10.6 alike.

const LOCK_WAIT_SECONDS = 5;

const settings: Record<string, string | number> = {
  // Without it every statement outside a transaction is rolled back when the connection closes: a 201 would be lost.
  autocommit: 1,
  // A value that does not fit is an error, and never cut.
  sql_mode: "'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION'",
  // COMMIT AND CHAIN would keep the locks of the lease and of the pause.
  completion_type: "'NO_CHAIN'",
  // A missing parent or a second holder is an error.
  foreign_key_checks: 1,
  unique_checks: 1,
  // A smaller limit would cut lists, and pages of the log, without an error.
  sql_select_limit: '18446744073709551615',
  sql_big_selects: 1,
  sql_safe_updates: 0,
  group_concat_max_len: 1_048_576,
  time_zone: "'+00:00'",
  innodb_lock_wait_timeout: LOCK_WAIT_SECONDS,
};

/** The statements that make a session ours. The isolation level is that of most transactions; verify sets its own. */
export const sessionStatements: readonly string[] = [
  'SET NAMES utf8mb4 COLLATE utf8mb4_bin',
  `SET SESSION ${Object.entries(settings)
    .map(([name, value]) => `${name} = ${value}`)
    .join(', ')}`,
  'SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED',
  'SET SESSION TRANSACTION READ WRITE',
];

/**
 * On a node of Galera, a read waits until the node has what the other nodes had committed before. A user who registered through one
 * process can log in at another; a batch that comes again finds its events. Servers without Galera ignore the variable, or do not know it.
 */
const SYNC_WAIT = 'SET SESSION wsrep_sync_wait = 1';
const UNKNOWN_VARIABLE = 1193;

/** Sends all of them in one go and calls back once, with the first error. */
export function prepareSession(connection: Connection, done: (error: Error | null) => void): void {
  let failed: Error | null = null;
  for (const sql of sessionStatements)
    connection.query({ sql, timeout: 10_000 }, (error: Error | null) => {
      failed ??= error;
    });
  connection.query({ sql: SYNC_WAIT, timeout: 10_000 }, (error: Error | null) => {
    if ((error as { errno?: number } | null)?.errno !== UNKNOWN_VARIABLE) failed ??= error;
    done(failed);
  });
}
