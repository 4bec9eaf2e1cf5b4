import { type Check, note, type Problem, unsafe } from './finding.ts';
import type { MysqlFacts } from './mysqlFacts.ts';
import { isOlder } from './olderVersion.ts';

/**
 * Connections of a server process: the projection and log-ins, lists, the lease; pages of the feed of events, and its horizon; the lease
 * of webhooks, the page of operators, a broker.
 */
const CONNECTIONS = 4 + 2 + 1 + 2 + 1 + 1 + 2 + 2;
/** Connections of the one process that delivers to webhooks. */
const DELIVERING = 4;
/** A statement with many rows has some 1,000,000 characters (src/projections/log/sql.ts) of up to 4 bytes. */
const PACKET_BYTES = 4 * 2 ** 20;
const NOT_TRIED = 'not tried, since this server refuses writes';
const untried = note('they are found by trying', 'mend what refuses the writes, then run this command again');
const needed = (workers: number) => workers * CONNECTIONS + DELIVERING;
const isOn = (value: string | undefined) => value === 'ON' || value === '1';

/** A variable of the server that some servers lack; undefined where it is right. */
const ofServer = (
  name: string,
  problem: (value: string, facts: MysqlFacts) => Problem | undefined,
): Check<MysqlFacts> => ({
  name,
  value: ({ global }) => global[name],
  problem: (facts) => problem(facts.global[name] ?? '', facts),
});
/** The same for variables that matter only with a binary log. */
const ofBinaryLog = (name: string, problem: (value: string) => Problem | undefined): Check<MysqlFacts> => ({
  name,
  value: ({ global }) => (isOn(global.log_bin) ? global[name] : undefined),
  problem: ({ global }) => problem(global[name] ?? ''),
});
/** Seconds after which the server ends a transaction that sends nothing. */
const idleTransaction = (name: string) =>
  ofServer(name, (value) =>
    Number(value) > 0 && Number(value) < 5
      ? unsafe(
          'the lease, which sends something every second, may be lost in the middle of a sale',
          `SET GLOBAL ${name} = 0`,
        )
      : undefined,
  );

export const mysqlChecks: readonly Check<MysqlFacts>[] = [
  {
    name: 'version',
    value: ({ isMariadb, version }) => `${isMariadb ? 'MariaDB' : 'MySQL'} ${version}`,
    problem: ({ isMariadb, version }) => {
      const oldest = isMariadb ? [10, 6, 0] : [8, 0, 22];
      return isOlder(version, oldest)
        ? unsafe('the tables and queries are not tested there', `use MariaDB 10.6, MySQL 8.0.22 or newer`)
        : undefined;
    },
  },
  ofServer('read_only', (value) =>
    isOn(value)
      ? unsafe(
          'every write is refused: this may be a replica',
          'let MYSQL_URL name the primary, or SET GLOBAL read_only = 0',
        )
      : undefined,
  ),
  ofServer('innodb_flush_log_at_trx_commit', (value) =>
    value === '1'
      ? undefined
      : unsafe(
          'events whose outbox entry is deleted may be lost when the machine loses power',
          'SET GLOBAL innodb_flush_log_at_trx_commit = 1, and the same in its configuration file',
        ),
  ),
  ofServer('innodb_doublewrite', (value) =>
    value === 'OFF'
      ? unsafe(
          'a page that is half written when the machine loses power is lost',
          'start the server with innodb_doublewrite = ON',
        )
      : undefined,
  ),
  { name: 'log_bin', value: ({ global }) => global.log_bin, problem: () => undefined },
  ofBinaryLog('sync_binlog', (value) =>
    value === '1'
      ? undefined
      : unsafe(
          'after a loss of power, transactions that the binary log lacks are rolled back, although they were committed',
          'SET GLOBAL sync_binlog = 1, and the same in its configuration file',
        ),
  ),
  ofBinaryLog('binlog_format', (value) =>
    value === 'STATEMENT'
      ? unsafe('InnoDB refuses every write with READ COMMITTED', "SET GLOBAL binlog_format = 'ROW'")
      : undefined,
  ),
  ofServer('max_allowed_packet', (value) =>
    Number(value) < PACKET_BYTES
      ? unsafe(
          'a large batch of events is refused, and the outbox grows',
          `SET GLOBAL max_allowed_packet = ${4 * PACKET_BYTES}`,
        )
      : undefined,
  ),
  {
    name: 'max_connections',
    value: ({ global, connected }) => `${global.max_connections}, of which ${connected} are open`,
    problem: ({ global, connected, workers }) => {
      const [limit, wanted] = [Number(global.max_connections), needed(workers)];
      const mend = `SET GLOBAL max_connections = ${Math.max(limit, wanted) + wanted}, or fewer WORKERS`;
      if (limit < wanted) return unsafe(`${workers} server processes need ${wanted} connections`, mend);
      return limit - connected < wanted
        ? note(`${workers} server processes need ${wanted} connections (some may be theirs already)`, mend)
        : undefined;
    },
  },
  ofServer('max_user_connections', (value, { workers }) =>
    Number(value) > 0 && Number(value) < needed(workers)
      ? unsafe(
          `${workers} server processes need ${needed(workers)} connections`,
          `SET GLOBAL max_user_connections = 0, or WITH MAX_USER_CONNECTIONS ${needed(workers)} for this user`,
        )
      : undefined,
  ),
  ofServer('wait_timeout', (value) =>
    Number(value) < 60
      ? note('connections of the pool are closed and made again often', 'SET GLOBAL wait_timeout = 600 or more')
      : undefined,
  ),
  ...['idle_transaction_timeout', 'idle_readonly_transaction_timeout', 'idle_write_transaction_timeout'].map(
    idleTransaction,
  ),
  ...['max_statement_time', 'max_execution_time'].map((name) =>
    ofServer(name, (value) =>
      Number(value) > 0
        ? note(
            'verify, replay and exports read whole tables, and are cut off',
            `SET GLOBAL ${name} = 0, or for these users`,
          )
        : undefined,
    ),
  ),
  {
    name: 'character_set_server',
    value: ({ global }) => `${global.character_set_server} (the tables and connections name their own)`,
    problem: () => undefined,
  },
  {
    name: 'TLS',
    value: ({ cipher, isRemote }) => cipher || (isRemote ? 'none' : 'none, on this machine'),
    problem: ({ cipher, isRemote }) =>
      cipher === '' && isRemote
        ? note('the network can read password hashes and events', 'add ssl-mode=VERIFY_IDENTITY to MYSQL_URL')
        : undefined,
  },
  {
    name: 'user',
    value: ({ user, authentication }) => (authentication === '' ? user : `${user}, ${authentication}`),
    problem: () => undefined,
  },
  {
    name: 'tables',
    value: ({ tables }) => tables,
    problem: ({ tables }) => {
      if (tables === 'missing')
        return unsafe(
          'privileges and the guard of the log cannot be tried',
          'npm run migrate, then this command again',
        );
      return tables === 'of another version' ? unsafe('the server may refuse to start', 'npm run migrate') : undefined;
    },
  },
  {
    name: 'privileges',
    value: ({ tables, missingPrivileges }) => {
      if (missingPrivileges === undefined) return tables === 'missing' ? undefined : NOT_TRIED;
      return missingPrivileges.length === 0 ? 'all that are needed' : `without ${missingPrivileges.join('; ')}`;
    },
    problem: ({ missingPrivileges }) => {
      if (missingPrivileges === undefined) return untried;
      return missingPrivileges.length === 0
        ? undefined
        : unsafe('the server refuses to start', 'docs/OPERATIONS.md has the grants that suffice');
    },
  },
  {
    name: 'guard of event_log',
    value: ({ tables, guard }) => {
      if (guard === undefined) return tables === 'missing' ? undefined : NOT_TRIED;
      const on = [...(guard.grants ? ['privileges'] : []), ...(guard.triggers === 'present' ? ['triggers'] : [])];
      const triggers = guard.triggers === 'unseen' ? ' (this user cannot see triggers)' : '';
      return `${on.join(' and ') || 'none'}${triggers}`;
    },
    problem: ({ guard }) => {
      if (guard === undefined) return untried;
      return guard.grants || guard.triggers === 'present'
        ? undefined
        : unsafe(
            'with the password of the server, events can be changed and deleted without a trace',
            'give the server a user with the grants in docs/OPERATIONS.md',
          );
    },
  },
];
