import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { nodesOf } from '../../src/infra/failover/nodes.ts';
import { connectMysql } from '../../src/infra/stores/mysql.ts';
import { migrateTables } from '../../src/infra/stores/openMysql.ts';
import { createLog } from '../../src/infra/telemetry/log.ts';
import { workUnderLease } from '../../src/subscribers/subscriptionLease.ts';
import { leftAtSignal } from '../support/leftAtSignal.ts';
import { createDatabase } from '../support/testStores.ts';

const url = await createDatabase();
await migrateTables(url);
const { nodes } = nodesOf(url);
const { mysql, close } = connectMysql(nodes, 1);
await mysql('subscription_leases').insert({ name: 'orders' });
const test = suite('the lease of a subscription');

test('a lease that is taken again and again leaves nothing behind in the process', async () => {
  const stop = new AbortController();
  const left: number[] = [];
  await workUnderLease({ mysql, nodes, name: 'orders', signal: stop.signal, log: createLog('silent') }, async () => {
    left.push(leftAtSignal(stop.signal));
    if (left.length === 5) stop.abort();
  });

  assert.equal(left, Array(5).fill(left[0]));
});

test('when the process stops, the work receives the signal', async () => {
  const stop = new AbortController();
  let isStopped = false;
  await workUnderLease(
    { mysql, nodes, name: 'orders', signal: stop.signal, log: createLog('silent') },
    async (held) => {
      stop.abort();
      isStopped = held.signal.aborted;
    },
  );

  assert.ok(isStopped);
});

test('a confirmation is used again as long as it is recent, and never by a caller that does not say so', async () => {
  const stop = new AbortController();
  let queries = 0;
  const count = ({ sql }: { sql: string }) => {
    if (sql.endsWith('LIMIT 0')) queries++;
  };
  const counts: number[] = [];
  await workUnderLease(
    { mysql, nodes, name: 'orders', signal: stop.signal, log: createLog('silent') },
    async (held) => {
      stop.abort();
      mysql.on('query', count);
      for (const maxAgeMs of [undefined, 60_000, undefined]) {
        await Promise.all([held.confirm(maxAgeMs), held.confirm(60_000)]);
        counts.push(queries);
      }
      mysql.off('query', count);
    },
  );

  assert.equal(counts, [1, 1, 2]);
});

test('a lost connection lets a confirmation reject, also one that is used again', async () => {
  const stop = new AbortController();
  const other = connectMysql(url, 1);
  const outcomes: unknown[] = [];
  await workUnderLease(
    { mysql, nodes, name: 'orders', signal: stop.signal, log: createLog('silent') },
    async (held) => {
      const [rows] = await other.mysql.raw(
        'SELECT id FROM information_schema.processlist WHERE db = DATABASE() AND id <> CONNECTION_ID()',
      );
      for (const { id } of rows) await other.mysql.raw(`KILL ${id}`).catch(() => {});
      for (const maxAgeMs of [undefined, 60_000])
        outcomes.push(
          await held.confirm(maxAgeMs).then(
            () => 'confirmed',
            () => 'lost',
          ),
        );
      outcomes.push(held.signal.aborted);
      stop.abort();
    },
  );
  await other.close();

  assert.equal(outcomes, ['lost', 'lost', true]);
});

test.after(close);
test.run();
