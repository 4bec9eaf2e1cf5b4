import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { examineMysql } from '../../src/doctor/examineMysql.ts';
import type { Finding, Verdict } from '../../src/doctor/finding.ts';
import { mysqlChecks } from '../../src/doctor/mysqlChecks.ts';
import type { MysqlFacts } from '../../src/doctor/mysqlFacts.ts';
import { sessionChecks } from '../../src/doctor/sessionChecks.ts';
import { connectMysql } from '../../src/infra/stores/mysql.ts';
import { migrateTables } from '../../src/infra/stores/openMysql.ts';
import { createUser, documentedGrants } from '../support/documentedGrants.ts';
import { openOwnMariadb } from '../support/ownMariadb.ts';

// Each check meets a real server with the setting that it is about. On a server that lacks a setting, its case is left out.

const mariadb = await openOwnMariadb(['--max-user-connections=1000']);
await migrateTables(mariadb.url);
await mariadb.run(
  ...createUser('seckill', 'seckill', documentedGrants('seckill')),
  ...createUser('limited', 'seckill', documentedGrants('seckill').slice(1)),
  'CREATE USER trial@localhost',
  'GRANT ALL ON seckill.* TO trial@localhost',
  'CREATE DATABASE unused',
  'GRANT ALL ON unused.* TO trial@localhost',
);
const test = suite('doctor: MySQL');
const WORKERS = 8;

interface Connection {
  url?: string;
  user?: string;
  database?: string;
  /** A statement of the connection before it is examined, as a proxy between here and the server may send it. */
  first?: string;
}
async function examine({ url = mariadb.url, user = 'seckill', database = 'seckill', first }: Connection = {}) {
  const own = url.replace('root@', `${user}@`).replace('/seckill?', `/${database}?`);
  const { mysql, close } = connectMysql(own, 1);
  try {
    if (first !== undefined) await mysql.raw(first);
    return await examineMysql(mysql, own, WORKERS);
  } finally {
    await close();
  }
}
const findIn = (findings: readonly Finding[], check: string) => {
  const found = findings.find(({ name }) => name === check);
  if (found === undefined) throw new Error(`no check is named ${check}`);
  return found;
};
const asRoot = await examine({ user: 'root' });
const has = (check: string) => asRoot.some(({ name }) => name === check);

test('given the settings of the private MariaDB and the grants of docs/OPERATIONS.md, there is no problem', async () => {
  const findings = await examine();
  assert.equal(
    findings.filter(({ problem }) => problem !== undefined),
    [],
  );
  assert.is(
    findIn(findings, 'guard of event_log')
      .value.replace(/ \(.*/, '')
      .replace(/ and triggers/, ''),
    'privileges',
  );
  assert.match(findIn(findings, 'version').value, /^(MariaDB|MySQL) \d+\.\d+\.\d+/);
});

const globals: [check: string, bad: string, good: string, verdict: Verdict, value?: RegExp][] = [
  ['read_only', '1', '0', 'unsafe', /^ON$/],
  ['innodb_flush_log_at_trx_commit', '2', '1', 'unsafe'],
  ['max_allowed_packet', '1048576', '16777216', 'unsafe'],
  ['max_connections', '20', '151', 'unsafe', /^20, of which \d+ are open$/],
  ['max_connections', '124', '151', 'note'],
  ['max_user_connections', '10', '0', 'unsafe'],
  ['wait_timeout', '30', '28800', 'note'],
  ['idle_transaction_timeout', '2', '0', 'unsafe'],
  ['idle_readonly_transaction_timeout', '2', '0', 'unsafe'],
  ['idle_write_transaction_timeout', '2', '0', 'unsafe'],
  ['max_statement_time', '5', '0', 'note'],
  ['max_execution_time', '5000', '0', 'note'],
];
for (const [check, bad, good, verdict, value = new RegExp(`^${bad}`)] of globals) {
  if (!has(check)) continue;
  test(`${check} = ${bad} is ${verdict}, and good again after it is mended`, async () => {
    await mariadb.run(`SET GLOBAL ${check} = ${bad}`);
    const found = findIn(await examine(), check);
    await mariadb.run(`SET GLOBAL ${check} = ${good}`);
    assert.match(found.value, value);
    assert.is(found.problem?.verdict, verdict, JSON.stringify(found));
    assert.is(findIn(await examine(), check).problem, undefined);
  });
}

const sessions: Record<string, string> = {
  transaction_isolation: 'TRANSACTION ISOLATION LEVEL SERIALIZABLE',
  sql_mode: "sql_mode = ''",
  autocommit: 'autocommit = 0',
  completion_type: "completion_type = 'CHAIN'",
  time_zone: "time_zone = '-12:00'",
  foreign_key_checks: 'foreign_key_checks = 0',
  unique_checks: 'unique_checks = 0',
  character_set_client: 'character_set_client = latin1',
  character_set_connection: 'character_set_connection = latin1',
  character_set_results: 'character_set_results = latin1',
  collation_connection: 'collation_connection = utf8mb4_general_ci',
  sql_select_limit: 'sql_select_limit = 1',
};
test('each check of the session has a case', () => {
  assert.equal(
    Object.keys(sessions),
    sessionChecks.map(({ name }) => name),
  );
});
for (const [check, statement] of Object.entries(sessions)) {
  test(`a session whose ${check} is not as it was set is unsafe`, async () => {
    const found = findIn(await examine({ first: `SET SESSION ${statement}` }), check);
    assert.is(found.problem?.verdict, 'unsafe', JSON.stringify(found));
  });
}

const users: [what: string, connection: Connection, check: string, value: RegExp, verdict: Verdict][] = [
  ['a user who lacks a grant', { user: 'limited' }, 'privileges', /^without SELECT ON event_log$/, 'unsafe'],
  ['an empty database', { user: 'trial', database: 'unused' }, 'tables', /^missing$/, 'unsafe'],
];
for (const [what, connection, check, value, verdict] of users) {
  test(`${what} is ${verdict}`, async () => {
    const found = findIn(await examine(connection), check);
    assert.match(found.value, value);
    assert.is(found.problem?.verdict, verdict);
  });
}

test('tables of another version are unsafe', async () => {
  await mariadb.run("INSERT INTO seckill.knex_migrations (name) VALUES ('9999_later')");
  const found = findIn(await examine(), 'tables');
  await mariadb.run("DELETE FROM seckill.knex_migrations WHERE name = '9999_later'");
  assert.is(found.value, 'of another version');
  assert.is(found.problem?.verdict, 'unsafe');
});

test('the guard: triggers for a user with all privileges; none, which is unsafe, without them', async () => {
  const guarded = findIn(await examine({ user: 'trial' }), 'guard of event_log');
  await mariadb.run('DROP TRIGGER seckill.event_log_refuses_update', 'DROP TRIGGER seckill.event_log_keeps_unarchived');
  const bare = findIn(await examine({ user: 'trial' }), 'guard of event_log');
  const limited = findIn(await examine(), 'guard of event_log');
  assert.equal([guarded.value, guarded.problem], ['triggers', undefined]);
  assert.equal([bare.value, bare.problem?.verdict], ['none', 'unsafe']);
  assert.match(limited.value, /^privileges/);
  assert.is(limited.problem, undefined);
});

// Settings that only a start can change, and a server that refuses every write.
const other = await openOwnMariadb([
  '--log-bin=binlog',
  '--binlog-format=ROW',
  '--sync-binlog=0',
  '--skip-innodb-doublewrite',
]);
await migrateTables(other.url);
await other.run("SET GLOBAL binlog_format = 'STATEMENT'");
const atStart = await examine({ url: other.url, user: 'root' });
for (const check of ['binlog_format', 'sync_binlog', 'innodb_doublewrite']) {
  test(`a server with a wrong ${check} is unsafe`, () => {
    const found = findIn(atStart, check);
    assert.match(found.value, /^(STATEMENT|0|OFF)$/);
    assert.is(found.problem?.verdict, 'unsafe');
  });
}

test('where the server refuses writes, privileges and the guard are not tried, and the rest is examined', () => {
  for (const check of ['privileges', 'guard of event_log'])
    assert.equal(
      [findIn(atStart, check).value, findIn(atStart, check).problem?.verdict],
      ['not tried, since this server refuses writes', 'note'],
    );
});

const invented: [check: string, facts: Partial<MysqlFacts>, verdict: Verdict | undefined][] = [
  ['version', { isMariadb: true, version: '10.5.29-MariaDB' }, 'unsafe'],
  ['version', { isMariadb: true, version: '11.8.9-MariaDB' }, undefined],
  ['version', { isMariadb: false, version: '8.0.21' }, 'unsafe'],
  ['version', { isMariadb: false, version: '9.7.4' }, undefined],
  ['TLS', { cipher: '', isRemote: true }, 'note'],
  ['TLS', { cipher: 'TLS_AES_256_GCM_SHA384', isRemote: true }, undefined],
];
for (const [check, facts, verdict] of invented) {
  test(`a check for which no server is at hand: ${check} with ${JSON.stringify(facts)}`, () => {
    const found = mysqlChecks.find(({ name }) => name === check);
    assert.is(found?.problem(facts as MysqlFacts)?.verdict, verdict);
  });
}

test('every check that can find a problem has a case', () => {
  const tried = new Set([
    ...globals.map(([check]) => check),
    ...users.map(([, , check]) => check),
    ...invented.map(([check]) => check),
    ...['guard of event_log', 'binlog_format', 'sync_binlog', 'innodb_doublewrite'],
  ]);
  const informing = ['log_bin', 'character_set_server', 'user'];
  for (const { name } of mysqlChecks) assert.ok(tried.has(name) || informing.includes(name), name);
});

test.after(async () => {
  await mariadb.close();
  await other.close();
});
test.run();
