import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { connectMysql } from '../../src/infra/stores/mysql.ts';
import { migrateTables } from '../../src/infra/stores/openMysql.ts';
import { createLog } from '../../src/infra/telemetry/log.ts';
import { workUnderLease } from '../../src/subscribers/subscriptionLease.ts';
import { leftAtSignal } from '../support/leftAtSignal.ts';
import { createDatabase } from '../support/testStores.ts';

const url = await createDatabase();
await migrateTables(url);
const { mysql, close } = connectMysql(url, 1);
await mysql('subscription_leases').insert({ name: 'orders' });
const test = suite('the lease of a subscription');

test('a lease that is taken again and again leaves nothing behind in the process', async () => {
  const stop = new AbortController();
  const left: number[] = [];
  await workUnderLease({ mysql, name: 'orders', signal: stop.signal, log: createLog('silent') }, async () => {
    left.push(leftAtSignal(stop.signal));
    if (left.length === 5) stop.abort();
  });

  assert.equal(left, Array(5).fill(left[0]));
});

test('when the process stops, the work receives the signal', async () => {
  const stop = new AbortController();
  let isStopped = false;
  await workUnderLease({ mysql, name: 'orders', signal: stop.signal, log: createLog('silent') }, async (held) => {
    stop.abort();
    isStopped = held.signal.aborted;
  });

  assert.ok(isStopped);
});

test.after(close);
test.run();
