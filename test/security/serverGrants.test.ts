import { setTimeout as sleep } from 'node:timers/promises';
import { createConnection } from 'mysql2/promise';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { keys } from '../../src/infra/keys.ts';
import { serverGrants } from '../../src/infra/stores/mysqlGrants.ts';
import { migrateTables, openMysql } from '../../src/infra/stores/openMysql.ts';
import { openRedis } from '../../src/infra/stores/redis.ts';
import { createLog } from '../../src/infra/telemetry/log.ts';
import { createNewerReleases } from '../../src/infra/telemetry/newerReleases.ts';
import { applyBatch } from '../../src/projections/applyBatch.ts';
import { archiveLog } from '../../src/projections/archive/archiveLog.ts';
import { runOn } from '../../src/projections/log/readLog.ts';
import { openReplaySession } from '../../src/projections/replay/replaySession.ts';
import { openServer } from '../../src/server.ts';
import { openHorizon } from '../../src/subscribers/horizon.ts';
import { openSubscription } from '../../src/subscribers/openSubscriptions.ts';
import { createDataDir } from '../support/dataDirs.ts';
import { createUser, documentedGrants, eachMissing, grantStatements } from '../support/documentedGrants.ts';
import { sendEveryRequest } from '../support/everyRequest.ts';
import { openOwnMariadb } from '../support/ownMariadb.ts';
import { endPrograms, startServer } from '../support/program.ts';
import { readableLog } from '../support/readableLog.ts';
import { closed, couponRef, created, delivery } from '../support/sampleEvents.ts';
import { openTestStores } from '../support/testStores.ts';
import { settled } from '../support/testSystem.ts';

// The user of the server has exactly the grants of docs/OPERATIONS.md.

const mariadb = await openOwnMariadb();
await migrateTables(mariadb.url);
// An archived coupon: a reconcile that does not find it in Redis reads its packed events.
const archived = couponRef('archived');
const owner = await openMysql(mariadb.url);
for (const event of [created(archived, 3), closed(archived, 2, 3), created(couponRef('newest'), 3)])
  await applyBatch(owner.mysql, [delivery(event)]);
await owner.close();
const { session, close: closeSession } = await openReplaySession(mariadb.url);
const deps = { reader: session.reader, writer: runOn(session.writer), folder: createDataDir(), onStep() {} };
assert.is((await archiveLog(deps, Date.now() * 1_000 - 1_000_000, () => {})).coupons, 1);
await closeSession();
const documented = documentedGrants('seckill');
await mariadb.run(...createUser('seckill', 'seckill', documented));
const url = mariadb.url.replace('root@', 'seckill@');
const token = 'k7Qz0vTn4sWc9yLxE2rGu8hBfJ6mPd3a';
const stores = await openTestStores({
  MYSQL_URL: url,
  REGISTRATIONS_PER_ADDRESS: '1000000',
  OPERATOR_TOKENS: `olga=${token}`,
});
const { log, text } = readableLog('trace');
const server = await openServer(stores.config, log);
const { redis, close: closeRedis } = await openRedis(stores.config.redisUrl, createLog('silent'));
const test = suite("attack: the server's user of MySQL changes what it must not");

let run = 0;
/** All work of a server: requests of every kind, the log-out of a user, a reconcile, and an event that an operator skips. Throws when something is refused. */
async function work(): Promise<void> {
  run++;
  const from = text().length;
  const refused = () => /command denied/.exec(text().slice(from))?.[0];
  const cast = { seller: `ann${run}`, customer: `bob${run}`, password: 'secret', newPassword: 'secret 2' };
  await sendEveryRequest(server.url, { ...cast, wrongPassword: 'wrong' }, refused);
  await redis.del(keys.coupon(archived));
  await redis.del(keys.marker);
  const limit = Date.now() + 15_000;
  while ((await redis.get(keys.marker)) === null || (await fetch(`${server.url}/readyz`)).status !== 200) {
    if (refused() !== undefined || Date.now() > limit) break;
    await sleep(20);
  }
  if (refused() === undefined) await settled({ redis });
  if (refused() === undefined) await deliverEvents(`receiver ${run}`, () => refused() !== undefined);
  if (refused() === undefined) await skipEvent(`skipped-${run}`);
  if (refused() !== undefined) throw new Error(refused());
}

async function skipEvent(name: string): Promise<void> {
  await mariadb.run(`INSERT INTO seckill.subscriptions (name, position) VALUES ('${name}', 0)`);
  const act = (path: string, options: RequestInit = {}) =>
    fetch(`${server.url}/api/operator/${path}`, {
      ...options,
      headers: { authorization: token, 'content-type': 'application/json' },
    });
  // The state of the stores is shared for a second.
  await sleep(1_100);
  const { data } = (await (await act('state')).json()) as { data: { mysql: { state: MysqlState | null } } };
  const event = data.mysql.state?.subscriptions.listed.find((one) => one.name === name)?.nextEvent?.id;
  await act(`subscriptions/${name}/skip`, { method: 'POST', body: JSON.stringify({ event, reason: 'a trial' }) });
}
type MysqlState = { subscriptions: { listed: { name: string; nextEvent: { id: string } | null }[] } };

/** A subscription that begins with the first event, until its receiver has taken events and the checkpoint has moved. */
async function deliverEvents(name: string, isRefused: () => boolean): Promise<void> {
  const { horizon, close: closeHorizon } = openHorizon(url, log);
  let isSaved = false;
  const receiver = { deliver: async () => {} };
  const quiet = {
    state() {},
    failed() {},
    delivered() {
      isSaved = true;
    },
  };
  const deps = { mysqlUrl: url, horizon, watchOf: () => quiet, newerReleases: createNewerReleases(log), log };
  const { close } = await openSubscription(name, () => ({ receiver, close() {} }), deps).catch((err) => {
    log.warn({ err }, 'opening a subscription failed');
    throw err;
  });
  const limit = Date.now() + 15_000;
  while (!isSaved && !isRefused() && Date.now() < limit) await sleep(20);
  await close();
  await closeHorizon();
}

test('the grants in docs/OPERATIONS.md are those of the code, and suffice for all work of a server', async () => {
  assert.equal(grantStatements('seckill'), serverGrants('seckill', 'seckill'));
  await work();
});

/** Start needs the first; MySQL needs the others for locks that MariaDB gives without them. */
const atStartOnly = ['SELECT ON knex_migrations', 'UPDATE ON lease', 'UPDATE ON projection_pause'];

for (const { missing, others } of eachMissing(documented)) {
  const { privilege, table } = missing;
  const named = `${privilege} ON ${table}`;
  test(`given a user without ${named}, start is refused with one line that names it`, async () => {
    await mariadb.run(...createUser('limited', 'seckill', others));
    const message = await openMysql(mariadb.url.replace('root@', 'limited@')).catch((error: Error) => error.message);
    assert.match(String(message), /^MYSQL_URL: [^\n]+$/);
    const verb = privilege.split(' ')[0];
    assert.match(String(message), new RegExp(`${verb}[^\n]*\\b${table}\\b`));
  });

  if (atStartOnly.includes(named)) continue;
  test(`when ${named} is taken away, then the work of the server fails: it is not superfluous`, async () => {
    const given = `${privilege} ON seckill.${table}`;
    await mariadb.run(`REVOKE ${given} FROM seckill@localhost`);
    const from = text().length;
    const failure = await work().catch((error: Error) => error);
    // MySQL asks for UPDATE before it locks rows, and then names the lock.
    const verb = privilege.startsWith('UPDATE') ? '(UPDATE|SELECT with locking clause)' : privilege.split(' ')[0];
    const reason = new RegExp(`${verb} command denied to user 'seckill'@'localhost' for [^"]*\\b${table}\\b`);
    await mariadb.run(`GRANT ${given} TO seckill@localhost`);
    await settled({ redis });
    while ((await fetch(`${server.url}/readyz`)).status !== 200) await sleep(20);
    assert.instance(failure, Error);
    assert.match(text().slice(from), reason);
  });
}

test('after all of them are given back, all work succeeds again', async () => {
  // Searches read MySQL, which lacks the last events until the next retry.
  await settled({ redis });
  await work();
});

const changes: string[] = [
  'UPDATE event_log SET version = 99',
  'UPDATE event_log e JOIN coupons c ON c.id = e.coupon_id SET e.version = 99',
  'DELETE FROM event_log',
  'DELETE e FROM event_log e JOIN coupons c ON c.id = e.coupon_id',
  'TRUNCATE TABLE event_log',
  'REPLACE INTO event_log SELECT * FROM event_log',
  'INSERT INTO event_log SELECT * FROM event_log e ON DUPLICATE KEY UPDATE version = 99',
  'DROP TABLE event_log',
  ...(mariadb.isMariadb ? ['CREATE OR REPLACE TABLE event_log (position INT)'] : []),
  'RENAME TABLE event_log TO old_log',
  'ALTER TABLE event_log DROP COLUMN data',
  'ALTER TABLE event_log ADD COLUMN more INT',
  'CREATE INDEX more ON event_log (type)',
  'DROP INDEX event ON event_log',
  'CREATE TRIGGER mine BEFORE INSERT ON event_log FOR EACH ROW SET NEW.version = 99',
  'DROP TRIGGER ours',
  'CREATE VIEW mine AS SELECT * FROM event_log',
  'LOCK TABLES event_log WRITE',
  "LOAD DATA INFILE '/etc/hostname' REPLACE INTO TABLE event_log",
  "SELECT * FROM event_log INTO OUTFILE '/tmp/log'",
  'GRANT UPDATE ON event_log TO seckill@localhost',
  'CREATE PROCEDURE mine() DELETE FROM event_log',
  'SET GLOBAL init_connect = "DELETE FROM event_log"',
  'DROP DATABASE seckill',
  // An archived event may be deleted by the user who archives.
  "INSERT INTO archived_coupons (coupon_id, seller, name, version, last_position, digest) VALUES ('', '', '', 9, 9, '')",
  'UPDATE archived_coupons SET version = 99',
  'DELETE FROM archived_coupons',
  "INSERT INTO archived_pages (coupon_id, last_version, events) VALUES ('', 9, '')",
  "UPDATE archived_pages SET events = ''",
  'DELETE FROM archived_pages',
  // What else it could do in the tables of users.
  "UPDATE users SET kind = 'seller'",
  'DELETE FROM users',
  `SELECT * FROM mysql.${mariadb.isMariadb ? 'global_priv' : 'user'}`,
];

test('given that the triggers of event_log are gone, the user can still not change it in any way', async () => {
  await mariadb.run(
    'DROP TRIGGER seckill.event_log_refuses_update',
    'DROP TRIGGER seckill.event_log_keeps_unarchived',
    'CREATE TRIGGER seckill.ours AFTER INSERT ON seckill.event_log FOR EACH ROW SET @ours = 1',
  );
  const socketPath = new URL(url).searchParams.get('socketPath') ?? '';
  const root = await createConnection({ socketPath, user: 'root', database: 'seckill' });
  const rows = async () => JSON.stringify((await root.query('SELECT * FROM event_log ORDER BY position'))[0]);
  const before = await rows();
  assert.ok(before.length > 1_000);
  // The statement is one that only privileges refuse.
  await root.query('START TRANSACTION');
  await root.query('UPDATE event_log SET occurred_at = 1');
  await root.query('ROLLBACK');

  const user = await createConnection({ socketPath, user: 'seckill', database: 'seckill' });
  for (const statement of changes) {
    const error = await user.query(statement).then(
      () => ({ message: 'it was carried out' }),
      (refused: Error) => refused,
    );
    assert.match(error.message, /denied|not have .*privilege/, `${statement}: ${error.message}`);
    assert.is(await rows(), before, statement);
  }
  await user.end();
  await root.end();
});

test('the private MariaDB gives the server a user with exactly these grants, and the server uses no other', async () => {
  const dataDir = createDataDir();
  const program = startServer({ DATA_DIR: dataDir, WORKERS: '2' });
  await sendEveryRequest(await program.listening, {
    seller: 'ann',
    customer: 'bob',
    password: 'secret',
    newPassword: 'secret 2',
    wrongPassword: 'wrong',
  });
  const root = await createConnection({ socketPath: `${dataDir}/mariadb.sock`, user: 'root' });
  const [connections] = await root.query(
    `SELECT DISTINCT user AS user FROM information_schema.processlist
     WHERE id <> CONNECTION_ID() AND user <> 'event_scheduler'`,
  );
  const [shown] = await root.query('SHOW GRANTS FOR seckill@localhost');
  await root.end();
  program.kill('SIGTERM');
  assert.is((await program.ended).status, 0);

  assert.equal(connections, [{ user: 'seckill' }]);
  const lines = (shown as Record<string, string>[]).map((row) => Object.values(row)[0]?.replaceAll('`', '') ?? '');
  const tables = lines.filter((line) => !line.startsWith('GRANT USAGE ON *.*'));
  const sorted = (statements: readonly string[]) => statements.map(normalized).sort();
  assert.equal(sorted(tables), sorted(serverGrants('seckill', 'seckill@localhost')));
});

/** Privileges in one order, whichever the server shows. */
function normalized(statement: string): string {
  const [, privileges = '', rest = ''] = /^GRANT (.*) (ON .*)$/.exec(statement) ?? [];
  return `${privileges.split(', ').sort().join(', ')} ${rest}`;
}

test.after(async () => {
  await endPrograms();
  await closeRedis();
  await server.close();
  await stores.close();
  await mariadb.close();
});
test.run();
