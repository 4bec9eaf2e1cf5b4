import { setTimeout as sleep } from 'node:timers/promises';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { openAll } from '../../src/infra/closers.ts';
import { openNodes } from '../../src/infra/failover/nodes.ts';
import { openLease } from '../../src/infra/lease.ts';
import { connectMysql } from '../../src/infra/stores/mysql.ts';
import { migrateTables } from '../../src/infra/stores/openMysql.ts';
import { createLog } from '../../src/infra/telemetry/log.ts';
import { projectionTransaction } from '../../src/projections/log/pause.ts';
import { openHorizon } from '../../src/subscribers/horizon.ts';
import { endPrograms, startProgram } from '../support/program.ts';
import { createTemporaryFile } from '../support/temporaryFile.ts';
import { until } from '../support/until.ts';
import { openGaleraNodes } from './galeraNodes.ts';

// Two processes that use two nodes of Galera, where a row lock holds on one node alone. Both know all nodes, in another order.

const log = createLog('silent');
const file = createTemporaryFile();
const always = async () => true;
const { one, two, three, urlOf, close } = await openAll(async (remember) => {
  const { close, ...nodes } = await openGaleraNodes();
  remember(close);
  await migrateTables(nodes.url);
  return nodes;
});
const test = suite('two processes on two nodes of Galera');

test('the nodes leave the temporary files of other servers alone', () => assert.ok(file.isThere()));

test('the row lock of one node does not hold on another: with one host each, both processes get the lease', async () => {
  const seller = openLease(urlOf(two), log);
  const reconciler = openLease(urlOf(one), log);
  await seller.lease.share();
  let ran = false;
  await reconciler.lease.alone(async () => {
    ran = true;
  }, always);
  assert.ok(ran);
  await reconciler.close();
  await seller.close();
});

test('a process that knows all nodes waits for the shared lease of a process on another node', async () => {
  const seller = openLease(urlOf(two, one, three), log);
  const reconciler = openLease(urlOf(one, two, three), log);
  await seller.lease.share();
  let ran = false;

  const alone = reconciler.lease.alone(async () => {
    ran = true;
  }, always);
  await sleep(2_000);
  assert.not.ok(ran);
  await seller.close();

  await alone;
  assert.ok(ran);
  await reconciler.close();
});

test('a process on another node gets no shared lease while the work goes on', async () => {
  const seller = openLease(urlOf(two, one, three), log);
  const reconciler = openLease(urlOf(one, two, three), log);
  let shared = false;
  await reconciler.lease.alone(async () => {
    void seller.lease.share().then(() => {
      shared = true;
    });
    await sleep(1_500);
    assert.not.ok(shared);
  }, always);
  await until('the lease is shared', () => shared);
  await seller.close();
  await reconciler.close();
});

test('a transaction of another node that is not committed keeps the horizon where it is, and later positions are higher', async () => {
  const { nodes, close: closeNodes } = openNodes(urlOf(two, one, three));
  const writer = connectMysql(nodes, 1);
  const { horizon, close: closeHorizon } = openHorizon(urlOf(one, two, three), log);
  const reader = connectMysql(urlOf(one), 1);
  const write = (version: number) => `INSERT INTO event_log (coupon_id, version, type, seller, name, occurred_at, data)
    VALUES (REPEAT('x', 16), ${version}, 'CouponCreated', 's', 'n', 1, '{}')`;
  const highest = async () => {
    const [[row]] = await reader.mysql.raw('SELECT MAX(position) AS position FROM event_log');
    return Number(row.position);
  };

  await projectionTransaction(writer.mysql, async (_trx, run) => {
    await run(write(1));
    await reader.mysql.raw(write(2));
    assert.is(await horizon.next(), 0);
  });
  let known = 0;
  await until('the horizon follows', async () => {
    known = await horizon.next();
    return known > 0;
  });
  assert.is(known, await highest());
  await projectionTransaction(writer.mysql, (_trx, run) => run(write(3)));
  assert.ok((await highest()) > known);

  await closeHorizon();
  await reader.close();
  await writer.close();
  await closeNodes();
});

test('a node that is frozen, with the process that sells at it, keeps the lease away until the cluster goes on without it', async () => {
  const { lease, close: closeLease } = openLease(urlOf(one, two, three), log);
  const seller = startProgram('test/galera/leaseHolder.ts', {}, [urlOf(three, one, two)]);
  await seller.printsOutput(/held/);
  seller.kill('SIGSTOP');
  await three.signal('SIGSTOP');
  let members = '';
  await lease.alone(async () => {
    const [row] = await one.run("SHOW STATUS LIKE 'wsrep_cluster_size'");
    members = String(row?.Value);
  }, always);
  assert.is(members, '2');
  seller.kill('SIGKILL');
  await closeLease();
});

test.after(async () => {
  await endPrograms();
  await close();
  file.close();
});
test.run();
