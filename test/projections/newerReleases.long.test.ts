import { rejects, throws } from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createBus } from '../../src/infra/bus.ts';
import { allPartitions, keys, partitionOf } from '../../src/infra/keys.ts';
import { deadLetterCount, decodeEntry } from '../../src/infra/outbox.ts';
import { wholeDataSet } from '../../src/infra/shards/dataSet.ts';
import { createLog } from '../../src/infra/telemetry/log.ts';
import { NewerRelease } from '../../src/newerRelease.ts';
import { OperatorError } from '../../src/operatorError.ts';
import { applyBatch } from '../../src/projections/applyBatch.ts';
import { eventColumns, idToBytes } from '../../src/projections/log/eventRows.ts';
import { hex, hexId, insertRows, quoted, type RunSql } from '../../src/projections/log/sql.ts';
import { rehydrate } from '../../src/projections/recovery/rehydrate.ts';
import { projections } from '../../src/projections/registry.ts';
import { openReplaySession } from '../../src/projections/replay/replaySession.ts';
import { replayAndSwap } from '../../src/projections/replay/replayTables.ts';
import { describeStoreFault } from '../../src/tools/storeFaults.ts';
import { archiveEvents } from '../support/archiveEvents.ts';
import { lifeOf } from '../support/couponLife.ts';
import { decideGrabsOf } from '../support/decideGrabsOf.ts';
import { gateOpens } from '../support/outages.ts';
import { couponRef, created, delivery, grabbed } from '../support/sampleEvents.ts';
import { customer, givenCoupon, grabOutcome, loggedEvents, openTestSystem, settled } from '../support/testSystem.ts';

// During an upgrade, processes of two releases work on the same stores. What a newer release writes must wait for it: here the stores
// hold what a newer release would have written, and this one is the older.

const { system, config, close } = await openTestSystem();
const { redis, mysql, newerReleases } = system;
const log = createLog('silent');
const run: RunSql = async (statement) => (await mysql.raw(statement))[0];
const test = suite('what a newer release has written');

const fieldsIn = (raw: [string, string[]] | undefined) => raw?.[1] ?? [];
const outboxOf = async (partition: number) =>
  (await redis.xrange(keys.outbox(partition), '-', '+')) as [string, string[]][];
const met = async () => {
  const limit = Date.now() + 20_000;
  while (newerReleases.count() === 0) {
    if (Date.now() > limit) throw new Error('nothing was left to a newer release');
    await sleep(20);
  }
};
/** Resolves when the entries of the partition, but this one, are gone. */
const onlyLeft = async (partition: number, id: string) => {
  const limit = Date.now() + 20_000;
  while ((await outboxOf(partition)).some(([one]) => one !== id)) {
    if (Date.now() > limit) throw new Error('other entries stay in the outbox');
    await sleep(20);
  }
};
const clear = () => Promise.all(allPartitions.map((partition) => redis.del(keys.outbox(partition))));

/** Given a coupon, and the fields of an entry with its next event, a restock. */
async function givenRestock(name: string) {
  await givenCoupon(system, 'ann', name, 3);
  await settled(system);
  const coupon = { seller: 'ann', name };
  const { id = '' } = await redis.hgetall(keys.coupon(coupon));
  const restock = { type: 'CouponRestocked', coupon: id, ...coupon, version: 2, at: 5, added: 1, amount: 4, left: 4 };
  const customers = JSON.stringify(['bob']);
  const grab = { type: 'CouponGrabbed', coupon: id, ...coupon, version: 2, at: 5, left: 2, customers };
  return { coupon, id, restock, grab, partition: partitionOf(coupon) };
}

type Given = Awaited<ReturnType<typeof givenRestock>>;
const tagged = ({ restock: { added: _, amount: __, ...common } }: Given) => ({
  ...common,
  type: 'CouponTagged',
  tag: 'x',
});
const newerEntries: [what: string, fields: (given: Given) => object, needs: RegExp][] = [
  ['of an unknown type', tagged, /type CouponTagged needs a newer release/],
  ['that names the release it needs', (given) => ({ ...tagged(given), needs: '9.4.0' }), /needs release 9\.4\.0/],
  ['of a known type with an unknown field', ({ restock }) => ({ ...restock, reason: 'gift' }), /field reason/],
  ['of grabs with an unknown field', ({ grab }) => ({ ...grab, channels: '["app"]' }), /field channels/],
  [
    'with a prior event of an unknown type',
    (given) => ({
      ...given.grab,
      version: 3,
      prior: JSON.stringify([Object.entries(tagged(given)).flat().map(String)]),
    }),
    /type CouponTagged/,
  ],
];
for (const [what, fieldsOf, needs] of newerEntries) {
  test(`an outbox entry ${what} stays as it is, is no dead letter, and holds up no other coupon`, async () => {
    const given = await givenRestock(`waits ${what}`);
    const fields = Object.entries(fieldsOf(given)).flat().map(String);
    const id = String(await redis.xadd(keys.outbox(given.partition), '*', ...fields));

    throws(() => decodeEntry(0, [id, fields]), needs);
    await met();
    // When another coupon of the same partition is sold, by a process that dies before it publishes the grab.
    let name = '';
    for (let i = 0; name === ''; i++)
      if (partitionOf({ seller: 'ann', name: `${what} ${i}` }) === given.partition) name = `${what} ${i}`;
    await givenCoupon(system, 'ann', name, 3);
    await decideGrabsOf({ ...system, bus: createBus() }, { seller: 'ann', name }, [
      { customer: 'bob', idempotencyKey: '' },
    ]);
    await onlyLeft(given.partition, id);

    assert.is((await loggedEvents(system, 'ann', name)).length, 2);
    assert.equal(fieldsIn((await outboxOf(given.partition))[0]), fields);
    assert.is(await deadLetterCount(redis), 0);
    assert.is((await loggedEvents(system, 'ann', given.coupon.name)).length, 1);
    await clear();
  });
}

const commands: [name: string, send: (life: ReturnType<typeof lifeOf>, code: string) => Promise<unknown>][] = [
  ['a grab', (life) => life.grab('eve')],
  ['a release', (life) => life.release('bob')],
  ['a redemption', (life, code) => life.redeem(code)],
  ['an undone redemption', (life, code) => life.undo(code)],
  ['a restock', (life) => life.restock(1)],
  ['a pause', (life) => life.pause()],
  ['a resume', (life) => life.resume()],
  ['a close', (life) => life.close()],
  ['a change of terms', (life) => life.change({ stock: 7 })],
];
for (const [name, send] of commands) {
  test(`${name} of a coupon that a newer release has changed is not decided`, async () => {
    const coupon = { seller: 'ann', name: `changed before ${name}` };
    const life = lifeOf(system, coupon);
    await life.create(3);
    const code = await life.grab('bob');
    await settled(system);
    // Given the field that a newer release sets together with its event.
    await redis.hset(keys.coupon(coupon), 'needs', '9.4.0');
    const before = await redis.hgetall(keys.coupon(coupon));

    await rejects(() => send(life, code), { name: 'NewerRelease' });

    assert.equal(await redis.hgetall(keys.coupon(coupon)), before);
    assert.equal(await outboxOf(partitionOf(coupon)), []);
  });
}

test('a round with a coupon that a newer release has changed decides the grabs of its other coupons', async () => {
  const [changed, other] = ['changed in a round', 'other in a round'];
  for (const name of [changed, other]) await givenCoupon(system, 'ann', name, 3);
  await redis.hset(keys.coupon({ seller: 'ann', name: changed }), 'needs', '9.4.0');

  const [first, second] = await Promise.allSettled(
    [changed, other].map((name) => grabOutcome(system, customer('bob'), { seller: 'ann', name })),
  );

  assert.is(first?.status, 'rejected');
  assert.equal(second, { status: 'fulfilled', value: 'grabbed' });
});

/** Given an event in the log as a newer release would have written it. */
const givenRow = (coupon: ReturnType<typeof couponRef>, version: number, type: string, data: object) =>
  insertRows(run, 'event_log', eventColumns.join(','), [
    `(${hexId(coupon.id)},${version},'${type}',${hex(coupon.seller)},${hex(coupon.name)},5,${quoted(JSON.stringify(data))})`,
  ]);

const setVersion = ({ id }: ReturnType<typeof couponRef>, version: number) =>
  mysql('coupons')
    .where({ id: idToBytes(id) })
    .update({ version });
/** The coupon has no part in later tests: Redis is never behind version 0. */
const ended = (ref: ReturnType<typeof couponRef>) => setVersion(ref, 0);

test('a delivery whose event a newer release has logged in a newer shape is left to it, and the rest of the batch is applied', async () => {
  const [newer, other] = [couponRef('logged in a newer shape'), couponRef('beside it')];
  await applyBatch(mysql, [delivery(created(newer, 3))]);
  await givenRow(newer, 2, 'CouponGrabbed', { shape: 2, who: 'bob', left: 2 });
  await setVersion(newer, 2);
  const repeated = delivery(grabbed(newer, 2, 'bob', 2));

  const applied = await applyBatch(mysql, [repeated, delivery(created(other, 3))]);

  assert.equal(applied.newer, [repeated]);
  assert.equal([applied.committed.length, applied.damaged.length, applied.early.length], [1, 0, 0]);
  await ended(newer);
});

test('a delivery whose event of a newer release is archived is left to it, and the rest of the batch is applied', async () => {
  const [newer, other] = [couponRef('archived in a newer shape'), couponRef('beside the archived one')];
  const creation = delivery(created(newer, 3));
  await applyBatch(mysql, [creation]);
  await givenRow(newer, 2, 'CouponGrabbed', { shape: 2, who: 'bob', left: 2 });
  await setVersion(newer, 2);
  await archiveEvents(mysql, newer);
  const repeated = delivery(grabbed(newer, 2, 'bob', 2));

  const applied = await applyBatch(mysql, [creation, repeated, delivery(created(other, 3))]).catch((error) => error);

  for (const table of ['archived_coupons', 'archived_pages']) await mysql(table).delete();
  await ended(newer);
  assert.equal(applied.newer, [repeated], String(applied));
  assert.equal([applied.committed.length, applied.damaged.length, applied.early.length], [2, 0, 0]);
});

test('a coupon with an event of a newer release is not rebuilt, and no gap is closed while an entry waits', async () => {
  await clear();
  const ref = couponRef('rebuilt later');
  await applyBatch(mysql, [delivery(created(ref, 3))]);
  // The log lacks version 2, which the outbox may have.
  await givenRow(ref, 3, 'CouponPaused', { left: 2 });
  await setVersion(ref, 3);
  const deps = { redis, everywhere: redis, dataSet: wholeDataSet, mysql, log, onProgress() {} };
  const waiting = new NewerRelease('an entry', '9.4.0');

  await rejects(() => rehydrate({ ...deps, waiting }), /release 9\.4\.0/);
  assert.is((await loggedEvents(system, 'ann', ref.name)).length, 2);

  // When the log has version 2, of a type that this release does not know.
  await givenRow(ref, 2, 'CouponTagged', { tag: 'x', needs: '9.5.0' });
  await rejects(() => rehydrate({ ...deps, waiting: undefined }), /release 9\.5\.0/);
  assert.is(await redis.exists(keys.coupon(ref)), 0);

  await ended(ref);
});

test('replay and verify refuse a log with events of a newer release in one line, and change no table', async () => {
  const before = await mysql('coupons').orderBy('id');
  const { session, close: closeSession } = await openReplaySession(config.mysqlUrl);
  const context = { projections, signal: new AbortController().signal, onProgress() {} };

  const failure = await replayAndSwap(session, context).catch((error) => error);

  assert.instance(failure, NewerRelease);
  const described = describeStoreFault(failure) as Error;
  assert.instance(described, OperatorError);
  assert.match(described.message, /needs .*release.*: run the command of that release$/);
  assert.equal(await mysql('coupons').orderBy('id'), before);
  await closeSession();
});

test('after Redis is emptied the gate stays shut until the log has no event that this release does not know', async () => {
  // Given events of a newer release in the log of a coupon that Redis lacks.
  const ref = couponRef('shut');
  await applyBatch(mysql, [delivery(created(ref, 3))]);
  await givenRow(ref, 2, 'CouponTagged', { tag: 'x' });
  await setVersion(ref, 2);
  await redis.flushall();

  while (system.gate.reason() === undefined) await sleep(20);
  // Longer than some attempts to reconcile take.
  await sleep(2_000);
  assert.is.not(system.gate.reason(), undefined);
  assert.is(await redis.exists(keys.marker), 0);

  // When a newer release has rebuilt the coupon, which is then at the version of the log.
  await redis.hset(keys.coupon(ref), { version: 2, needs: '9.4.0' });
  await gateOpens(system);
  assert.is(await grabOutcome(system, customer('zoe'), { seller: 'ann', name: 'other in a round' }), 'grabbed');
});

test.after(close);
test.run();
