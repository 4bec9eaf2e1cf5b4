import { rejects } from 'node:assert/strict';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { allPartitions, keys, partitionOf } from '../../../src/infra/keys.ts';
import { readReplication, readRunId, readStanding } from '../../../src/infra/replication/replicationInfo.ts';
import { wholeDataSet } from '../../../src/infra/shards/dataSet.ts';
import { createLog } from '../../../src/infra/telemetry/log.ts';
import { openSystem } from '../../../src/system.ts';
import { gateOpens } from '../../support/outages.ts';
import { customer, givenCoupon, grabOutcome, openTestSystem } from '../../support/testSystem.ts';

const { system, config, close } = await openTestSystem();
const { redis } = system;
const test = suite('a Redis that was promoted');
const sea = { seller: 'ann', name: 'sea' };
const grab = (by: string) => grabOutcome(system, customer(by), sea);

test.before(() => givenCoupon(system, 'ann', 'sea', 100));

/** When this Redis becomes a replica and is promoted again, as in two failovers. Its data and its fences stay. */
async function promote(): Promise<void> {
  await redis.replicaof('127.0.0.1', '1');
  await redis.replicaof('NO', 'ONE');
}

/** Given fences as a process of an older release writes them: they hold the run id. */
async function givenFencesOfOlderRelease(): Promise<void> {
  const runId = await readRunId(redis);
  await Promise.all(allPartitions.map((partition) => redis.set(keys.fence(partition), runId)));
}

test('given fences of an older release, a process of this release starts beside it and both sell', async () => {
  const { replid } = await readReplication(redis);
  await givenFencesOfOlderRelease();

  const other = await openSystem(config, createLog('silent'));

  assert.is(await redis.get(keys.fence(3)), replid);
  assert.is(await grabOutcome(other.system, customer('beside'), sea), 'grabbed');
  await gateOpens(system);
  assert.is(await grab('first'), 'grabbed');
  await other.close();
});

test('a fence of another replication id lets no script decide until reconcile has run', async () => {
  await redis.set(keys.fence(partitionOf(sea)), 'a'.repeat(40));

  await rejects(() => grab('bob'), /not reconciled/);

  await gateOpens(system);
  assert.is(await grab('bob'), 'grabbed');
});

test('after a promotion no grab is decided on the same connection until reconcile has run', async () => {
  const before = await readReplication(redis);

  await promote();

  await rejects(() => grab('eve'), /not reconciled/);
  await gateOpens(system);
  assert.is(await grab('eve'), 'grabbed');
  const { replid } = await readReplication(redis);
  assert.is.not(replid, before.replid);
  assert.is(await redis.get(keys.fence(partitionOf(sea))), replid);
});

test('after a promotion, fences of an older release count for nothing', async () => {
  await givenFencesOfOlderRelease();

  const { stands, isOfOlderRelease } = await readStanding(redis, wholeDataSet);

  assert.equal([stands, isOfOlderRelease], [false, false]);
  await rejects(() => system.fence.mustStand());
  await gateOpens(system);
  assert.is(await grab('tom'), 'grabbed');
});

test.after(close);
test.run();
