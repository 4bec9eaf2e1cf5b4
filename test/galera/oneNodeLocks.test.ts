import { setTimeout as sleep } from 'node:timers/promises';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { CouponRef } from '../../src/events.ts';
import { type Closer, openAll } from '../../src/infra/closers.ts';
import { type MysqlNodes, openNodes } from '../../src/infra/failover/nodes.ts';
import { connectMysql, connectOnce } from '../../src/infra/stores/mysql.ts';
import { findKnownMigrations, migrateTables } from '../../src/infra/stores/openMysql.ts';
import { createLog } from '../../src/infra/telemetry/log.ts';
import { eventColumns, toLogRows } from '../../src/projections/log/eventRows.ts';
import { projectionTransaction, runOnPool } from '../../src/projections/log/pause.ts';
import { runOn } from '../../src/projections/log/readLog.ts';
import { insertRows, type RunSql } from '../../src/projections/log/sql.ts';
import { openReplaySession } from '../../src/projections/replay/replaySession.ts';
import { skipNext } from '../../src/subscribers/changeCheckpoint.ts';
import { createCheckpoint } from '../../src/subscribers/checkpoints.ts';
import { workUnderLease } from '../../src/subscribers/subscriptionLease.ts';
import { endPrograms, startProgram } from '../support/program.ts';
import { couponRef, created } from '../support/sampleEvents.ts';
import { until } from '../support/until.ts';
import { openGaleraNodes } from './galeraNodes.ts';

// The locks of rare work, asked for through two nodes of Galera. Each interleaving is tried in two ways: with one host in each URL, where
// each lock holds on one node alone, so that both sides get it; and with all hosts, where one of them waits.

const log = createLog('silent');
const { one, two, three, urlOf, close } = await openAll(async (remember) => {
  const { close, ...nodes } = await openGaleraNodes();
  remember(close);
  await migrateTables(nodes.url);
  return nodes;
});
const test = suite('locks of rare work through two nodes of Galera');
const ways = [
  { hosts: 'one host each', left: urlOf(one), right: urlOf(two), holds: false },
  { hosts: 'all hosts', left: urlOf(one, two, three), right: urlOf(two, one, three), holds: true },
];

/** Runs the test with the nodes and a connection of the left process and of the right one, and closes them. */
async function between(left: string, right: string, work: (left: Side, right: Side) => Promise<void>) {
  const closers: Closer[] = [];
  const open = async (url: string): Promise<Side> => {
    const { nodes, close: closeNodes } = openNodes(url);
    const { mysql, close: closeMysql } = connectMysql(nodes, 4);
    closers.push(closeMysql, closeNodes);
    return { nodes, mysql };
  };
  try {
    await work(await open(left), await open(right));
  } finally {
    for (const close of closers) await close();
  }
}
interface Side {
  nodes: MysqlNodes;
  mysql: ReturnType<typeof connectMysql>['mysql'];
}

for (const { hosts, left, right, holds } of ways) {
  test(`with ${hosts}, ${holds ? 'one process' : 'each of two processes'} works for a subscription`, async () => {
    const name = `orders ${hosts}`;
    await between(left, right, async (first, second) => {
      await createCheckpoint(first.mysql, name);
      const stop = new AbortController();
      let [working, most] = [0, 0];
      const turns = [0, 0];
      const workOf = ({ nodes, mysql }: Side, place: number) =>
        workUnderLease({ nodes, mysql, name, signal: stop.signal, log }, async () => {
          turns[place] = (turns[place] ?? 0) + 1;
          most = Math.max(most, ++working);
          await sleep(700);
          working--;
        });
      const both = [workOf(first, 0), workOf(second, 1)];
      await until('both processes have had the lease', () => Math.min(...turns) > 0 || stop.signal.aborted);
      await sleep(2_000);
      stop.abort();
      await Promise.all(both);
      assert.is(most, holds ? 1 : 2);
    });
  });

  test(`with ${hosts}, a migration ${holds ? 'waits for' : 'runs beside'} one through another node`, async () => {
    await between(left, right, async (first, second) => {
      const { alone } = await findKnownMigrations();
      const order: string[] = [];
      let other: Promise<void> | undefined;
      await alone(first.mysql, first.nodes, async () => {
        other = alone(second.mysql, second.nodes, async () => {
          order.push('second');
        });
        await sleep(3_000);
        order.push('first');
      });
      await other;
      assert.equal(order, holds ? ['first', 'second'] : ['second', 'first']);
    });
  });

  test(`with ${hosts}, a replay ${holds ? 'refuses to run' : 'runs'} beside one through another node`, async () => {
    const { close: closeFirst } = await openReplaySession(left);
    const outcome = await openReplaySession(right).then(
      async (second) => {
        await second.close();
        return 'runs';
      },
      (error: Error) => error.message,
    );
    await closeFirst();
    assert.is(outcome, holds ? 'another replay or import is running on this database' : 'runs');
  });

  test(`with ${hosts}, a skip leaves out ${holds ? 'the event that is committed late' : 'the event behind it'}`, async () => {
    const name = `skipped ${hosts}`;
    await between(left, right, async (first, second) => {
      const [late, earlier] = [couponRef(`late, ${hosts}`), couponRef(`earlier committed, ${hosts}`)];
      const [[{ position }]] = await first.mysql.raw('SELECT COALESCE(MAX(position), 0) AS position FROM event_log');
      await first.mysql('subscriptions').insert({ name, position });
      // Each node assigns positions of its own, so the order of the two is given here.
      const insert = (run: RunSql, coupon: CouponRef, behind: number) => {
        const rows = toLogRows([created(coupon, 9)]).map((row) => `(${Number(position) + behind},${row.slice(1)}`);
        return insertRows(run, 'event_log', ['position', ...eventColumns].join(','), rows);
      };
      const { connection, close: closeConnection } = await connectOnce(second.nodes);
      let skipping: ReturnType<typeof skipNext> | undefined;
      await projectionTransaction(first.mysql, async (_trx, run) => {
        await insert(run, late, 1);
        await insert(runOnPool(second.mysql), earlier, 2);
        skipping = skipNext({ run: runOn(connection), nodes: second.nodes }, name, 'a test');
        skipping.catch(() => {});
        await sleep(700);
      });
      const skipped = await skipping;
      await closeConnection();
      assert.is(skipped?.id, created(holds ? late : earlier, 9).id);
    });
  });
}

test('a process that is frozen with the lease of a subscription is followed by one that uses another node', async () => {
  await between(urlOf(one, two, three), urlOf(two, one, three), async (first, second) => {
    await createCheckpoint(first.mysql, 'frozen');
    const frozen = startProgram('test/galera/leaseHolder.ts', {}, [urlOf(one, two, three), 'frozen']);
    await frozen.printsOutput(/held/);
    const stop = new AbortController();
    let took = false;
    const next = workUnderLease({ ...second, name: 'frozen', signal: stop.signal, log }, async () => {
      took = true;
      stop.abort();
    });
    await sleep(2_000);
    assert.not.ok(took);

    frozen.kill('SIGSTOP');
    await next;

    assert.ok(took);
    frozen.kill('SIGKILL');
  });
});

test('a process whose node has lost its majority does not go on with the lease of a subscription', async () => {
  await between(urlOf(one), urlOf(two), async (first) => {
    await createCheckpoint(first.mysql, 'isolated');
    const stop = new AbortController();
    let confirmed: unknown;
    await workUnderLease({ ...first, name: 'isolated', signal: stop.signal, log }, async ({ confirm }) => {
      await one.isolate();
      confirmed = await confirm().then(
        () => 'confirmed',
        ({ errno }) => errno,
      );
      stop.abort();
    });
    await one.join();
    assert.is(confirmed, 1047);
  });
});

test.after(async () => {
  await endPrograms();
  await close();
});
test.run();
