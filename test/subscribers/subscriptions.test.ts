import { setTimeout as sleep } from 'node:timers/promises';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { connectMysql } from '../../src/infra/stores/mysql.ts';
import { migrateTables } from '../../src/infra/stores/openMysql.ts';
import { createLog } from '../../src/infra/telemetry/log.ts';
import { createNewerReleases } from '../../src/infra/telemetry/newerReleases.ts';
import { applyBatch } from '../../src/projections/applyBatch.ts';
import type { CloudEvent } from '../../src/subscribers/cloudEvent.ts';
import { openHorizon } from '../../src/subscribers/horizon.ts';
import { openSubscription, type SubscriptionDeps } from '../../src/subscribers/openSubscriptions.ts';
import type { Receiver } from '../../src/subscribers/receiver.ts';
import { openTransaction } from '../support/outages.ts';
import { couponRef, created, delivery, grabbed } from '../support/sampleEvents.ts';
import { createDatabase } from '../support/testStores.ts';

// Receivers are functions here: these tests are about what a subscription does when a receiver takes or refuses events. The tests of
// the broker use a real one.

const url = await createDatabase();
await migrateTables(url);
const { mysql, close: closeMysql } = connectMysql(url, 4);
const log = createLog('silent');
const { horizon, close: closeHorizon } = openHorizon(url, log);
const quiet = { state() {}, delivered() {}, failed() {} };
const newerReleases = createNewerReleases(log);
const deps: SubscriptionDeps = { mysqlUrl: url, horizon, watchOf: () => quiet, newerReleases, log };
const test = suite('a subscription');

const open = (name: string, deliver: Receiver['deliver']) =>
  openSubscription(name, () => ({ receiver: { deliver }, close() {} }), deps);

async function givenEvents(name: string, grabs: number): Promise<string[]> {
  const coupon = couponRef(name);
  const events = [
    created(coupon, 1_000),
    ...Array.from({ length: grabs }, (_, i) => grabbed(coupon, i + 2, `c${i}`, 999 - i)),
  ];
  for (const event of events) await applyBatch(mysql, [delivery(event)]);
  return events.map(({ id }) => id);
}
const until = async (holds: () => boolean | Promise<boolean>) => {
  const limit = Date.now() + 60_000;
  while (!(await holds())) {
    if (Date.now() > limit) throw new Error('it does not happen');
    await sleep(20);
  }
};
const rowOf = async (name: string) => (await mysql('subscriptions').where({ name }))[0];
/** Makes a new subscription begin with the events that come from now on. */
async function givenSubscriptionAtEnd(name: string) {
  const [{ position }] = (await mysql.raw('SELECT COALESCE(MAX(position), 0) AS position FROM event_log'))[0];
  await mysql('subscriptions').insert({ name, position });
}

test('it delivers every event once and in order, and continues at its checkpoint after a restart', async () => {
  await givenSubscriptionAtEnd('restarted');
  const seen: string[] = [];
  const take = async (events: readonly CloudEvent[]) => void seen.push(...events.map(({ id }) => id));
  const first = await givenEvents('first', 20);
  const one = await open('restarted', take);
  await until(() => seen.length === 21);
  await one.close();
  const second = await givenEvents('second', 20);
  const two = await open('restarted', take);
  await until(() => seen.length >= 42);
  await two.close();

  assert.equal(seen, [...first, ...second]);
});

test('when a receiver refuses a batch, the same events come again with the same ids', async () => {
  await givenSubscriptionAtEnd('refusing');
  const ids = await givenEvents('refusing', 5);
  const taken: string[] = [];
  let refusals = 2;
  const { close } = await open('refusing', async (events) => {
    if (refusals-- > 0) throw new Error('not now');
    taken.push(...events.map(({ id }) => id));
  });
  await until(() => taken.length === 6);
  await close();

  assert.equal(taken, ids);
  assert.is(Number((await rowOf('refusing')).failures), 0);
});

test('an event that its receiver never takes stops that subscription alone, after the events before it', async () => {
  await givenSubscriptionAtEnd('poisoned');
  await givenSubscriptionAtEnd('healthy');
  const ids = await givenEvents('poison', 40);
  const taken = { poisoned: [] as string[], healthy: [] as string[] };
  const poisoned = await open('poisoned', async (events) => {
    if (events.some(({ data }) => data.version === 21)) throw new Error('cannot read version 21');
    taken.poisoned.push(...events.map(({ id }) => id));
  });
  const healthy = await open('healthy', async (events) => void taken.healthy.push(...events.map(({ id }) => id)));

  await until(() => taken.poisoned.length >= 20 && taken.healthy.length === 41);
  await until(async () => Number((await rowOf('poisoned')).failures) >= 2);
  assert.equal(taken.healthy, ids);
  assert.equal(taken.poisoned, ids.slice(0, 20));
  assert.match(String((await rowOf('poisoned')).error), /cannot read version 21/);

  // When the operator skips it, all later events follow.
  const [row] = await mysql('event_log').where({ name: 'poison', version: 21 });
  await mysql('subscriptions').where({ name: 'poisoned' }).update({ position: row.position, failures: 0 });
  await until(() => taken.poisoned.length === 40);
  assert.equal(
    taken.poisoned,
    ids.filter((_, i) => i !== 20),
  );
  await poisoned.close();
  await healthy.close();
});

test('one process at a time delivers, and another takes over when that process ends', async () => {
  await givenSubscriptionAtEnd('shared');
  let atWork = 0;
  let most = 0;
  const by: string[] = [];
  const slowly = (who: string) => async (events: readonly CloudEvent[]) => {
    most = Math.max(most, ++atWork);
    await sleep(20);
    by.push(...events.map(({ id }) => `${who} ${id}`));
    atWork--;
  };
  const one = await open('shared', slowly('one'));
  const ids = await givenEvents('shared', 10);
  await until(() => by.length >= 11);
  const two = await open('shared', slowly('two'));
  await sleep(300);
  ids.push(...(await givenEvents('shared by both', 10)));
  await until(() => by.length >= 22);
  await sleep(300);
  // When the first process ends.
  await one.close();
  const later = await givenEvents('shared later', 10);
  await until(() => by.length >= 33);
  await two.close();

  assert.is(most, 1);
  assert.equal(by, [...ids.map((id) => `one ${id}`), ...later.map((id) => `two ${id}`)]);
});

test('before an event of a newer release a subscription stops, and leaves the lease to other processes', async () => {
  await givenSubscriptionAtEnd('older');
  const ids = await givenEvents('older', 2);
  const [newest] = (await mysql.raw('SELECT * FROM event_log ORDER BY position DESC LIMIT 1'))[0];
  const newer = {
    ...newest,
    position: undefined,
    version: newest.version + 1,
    type: 'CouponTagged',
    data: '{"tag":"x"}',
  };
  await mysql('event_log').insert(newer);
  const taken: string[] = [];
  const { close } = await open('older', async (events) => void taken.push(...events.map(({ id }) => id)));

  await until(() => newerReleases.count() > 0);
  // When a process of the newer release wants the lease.
  const lease = await openTransaction(mysql);
  await lease.raw('SELECT name FROM subscription_leases WHERE name = ? FOR UPDATE', ['older']);

  assert.equal(taken, ids);
  assert.is(Number((await rowOf('older')).position), newest.position);
  await lease.rollback();
  await close();
});

test.after(async () => {
  await closeHorizon();
  await closeMysql();
});
test.run();
