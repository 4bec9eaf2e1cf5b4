import { setTimeout as sleep } from 'node:timers/promises';
import { createConnection } from 'mysql2/promise';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { openAll } from '../../src/infra/closers.ts';
import { createLog } from '../../src/infra/telemetry/log.ts';
import { openSystem } from '../../src/system.ts';
import { openOwnMariadb } from '../support/ownMariadb.ts';
import { openTestStores } from '../support/testStores.ts';
import { until } from '../support/until.ts';
import { mustBeVerified, mustHaveAll, startSale } from './sale.ts';

// A primary and a replica with GTIDs. An operator makes the primary read-only, waits for the replica, and lets the replica take writes.

const args = (id: number) => [`--server-id=${id}`, '--log-bin=log', '--log-bin-trust-function-creators=1'];
const { primary, replica, system, config, close } = await openAll(async (remember) => {
  const primary = await openOwnMariadb(args(1));
  remember(primary.close);
  const replica = await openOwnMariadb(args(2));
  remember(replica.close);
  // Only a user without the privilege READ ONLY ADMIN is refused by a server that is read-only.
  await primary.run(
    "CREATE USER app@'127.0.0.1' IDENTIFIED BY 'pw'",
    "GRANT ALL ON shop.* TO app@'127.0.0.1'",
    "CREATE USER admin@'127.0.0.1' IDENTIFIED BY 'pw'",
    "GRANT ALL ON *.* TO admin@'127.0.0.1'",
    'CREATE DATABASE shop',
  );
  await replica.run(
    'SET GLOBAL read_only = 1',
    `CHANGE MASTER TO MASTER_HOST='127.0.0.1', MASTER_PORT=${primary.port}, MASTER_USER='admin', MASTER_PASSWORD='pw',
       MASTER_CONNECT_RETRY=1, MASTER_USE_GTID=slave_pos`,
    // Both servers have created the database of the helper.
    "SET GLOBAL slave_exec_mode = 'IDEMPOTENT'",
    'START SLAVE',
  );
  const stores = await openTestStores({
    MYSQL_URL: `mysql://app:pw@127.0.0.1:${replica.port},127.0.0.1:${primary.port}/shop`,
  });
  remember(stores.close);
  const { system, close: closeSystem } = await openSystem(stores.config, createLog(stores.config.logLevel));
  remember(closeSystem);
  return { primary, replica, system, config: stores.config };
});
const test = suite('MySQL with several hosts, a primary and a replica');

const portInUse = async () => Number((await system.mysql.raw('SELECT @@port AS port'))[0][0].port);

/** Runs a statement as the operator, and resolves to the only value of its answer. */
async function ask(port: number, sql: string): Promise<string> {
  const connection = await createConnection({ host: '127.0.0.1', port, user: 'admin', password: 'pw' });
  const [rows] = await connection.query(sql);
  await connection.end();
  return String(Object.values((rows as object[])[0] ?? {})[0]);
}

test('the replica is the first host and read-only, so the primary is used', async () => {
  assert.is(await portInUse(), primary.port);
});

test('given a switch-over in mid-sale, the projection goes on at the new primary, and nothing is lost', async () => {
  const sale = await startSale(system, 'switched');
  await sleep(500);

  await primary.run('SET GLOBAL read_only = 1');
  const position = await ask(primary.port, 'SELECT @@gtid_binlog_pos');
  assert.is(await ask(replica.port, `SELECT MASTER_GTID_WAIT('${position}', 20)`), '0');
  await replica.run('STOP SLAVE', 'SET GLOBAL read_only = 0');

  await until('the process uses the new primary', async () => (await portInUse().catch(() => 0)) === replica.port);
  await sleep(300);
  await mustHaveAll(system, 'switched', await sale.end());
  await mustBeVerified(config);
});

test.after(close);
test.run();
