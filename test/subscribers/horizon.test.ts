import type { Knex } from 'knex';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { CouponEvent } from '../../src/events.ts';
import { connectMysql } from '../../src/infra/stores/mysql.ts';
import { migrateTables } from '../../src/infra/stores/openMysql.ts';
import { createLog } from '../../src/infra/telemetry/log.ts';
import { insertEvents } from '../../src/projections/insertEvents.ts';
import { projectionTransaction } from '../../src/projections/log/pause.ts';
import { lastPosition, readLog } from '../../src/projections/log/readLog.ts';
import type { RunSql } from '../../src/projections/log/sql.ts';
import { openHorizon } from '../../src/subscribers/horizon.ts';
import { couponRef, created } from '../support/sampleEvents.ts';
import { createDatabase } from '../support/testStores.ts';
import { until } from '../support/until.ts';

// Writers are real transactions of the projection, which this test keeps open between the INSERT and the COMMIT.

const url = await createDatabase();
await migrateTables(url);
const { mysql, close: closeMysql } = connectMysql(url, 8);
const { horizon, close: closeHorizon } = openHorizon(url, createLog('silent'));
const run: RunSql = async (statement) => (await mysql.raw(statement))[0];
const test = suite('the horizon of the event log');

/** A transaction that has written its event, and so has its position, but is not committed until `commit` is called. */
async function openWriter(name: string, isFrozen = false) {
  const event: CouponEvent = created(couponRef(name), 5);
  let commit = () => {};
  const mayCommit = new Promise<void>((resolve) => (commit = resolve));
  let written = () => {};
  const isWritten = new Promise<void>((resolve) => (written = resolve));
  const ended = projectionTransaction(mysql, async (_trx: Knex.Transaction, runIn) => {
    await insertEvents(runIn, [event]);
    // MySQL ends a transaction that is silent for some seconds. A busy machine may take as long between two steps of a test.
    if (!isFrozen) await runIn('SET SESSION wait_timeout = 28800');
    written();
    await mayCommit;
  });
  await Promise.race([isWritten, ended]);
  return {
    id: event.coupon.id,
    commit: async () => {
      commit();
      await ended;
    },
  };
}

const idsBetween = async (after: number, to: number) => {
  const found: string[] = [];
  for await (const page of readLog(run, after, to, 100))
    for (const { coupon_id } of page) found.push(coupon_id.toString('hex'));
  return found;
};
const plain = (id: string) => id.replaceAll('-', '');
const untilAfter = async (position: number) => {
  let found = 0;
  await until(`the horizon passes ${position}`, async () => {
    found = await horizon.next();
    return found > position;
  });
  return found;
};

test('given two transactions that commit out of order, a reader behind the horizon gets both events and a naive reader loses one', async () => {
  const start = await lastPosition(run);
  const first = await openWriter('first');
  const second = await openWriter('second');

  // When the second one commits first, and both readers read.
  await second.commit();
  const naive = { position: await lastPosition(run), seen: await idsBetween(start, Number.MAX_SAFE_INTEGER) };
  const early = horizon.next();
  assert.equal(naive.seen, [plain(second.id)]);
  await first.commit();

  // Then the naive reader never gets the first event: its position is below the one that the reader has seen.
  assert.equal(await idsBetween(naive.position, Number.MAX_SAFE_INTEGER), []);
  // The horizon either has not passed the gap, or has waited for the first event.
  const seen: string[] = [];
  let position = start;
  for (const upTo of [await early, await untilAfter(start)]) {
    seen.push(...(await idsBetween(position, Math.max(position, upTo))));
    position = Math.max(position, upTo);
  }
  assert.equal(seen, [plain(first.id), plain(second.id)]);
});

test('given a transaction that stays open, the horizon does not pass it and does not wait for ever', async () => {
  const before = await lastPosition(run);
  const open = await openWriter('open');
  const other = await openWriter('other');
  await other.commit();

  for (let i = 0; i < 3; i++) assert.ok((await horizon.next()) <= before);

  // While the horizon has given up for now, writers go on.
  const later = await openWriter('later');
  await later.commit();
  await open.commit();
  const position = await untilAfter(before);
  assert.equal(
    await idsBetween(before, position),
    [open, other, later].map(({ id }) => plain(id)),
  );
});

test('given a process that is frozen in a transaction, MySQL ends the transaction, and the horizon goes on', async () => {
  const before = await lastPosition(run);
  const frozen = await openWriter('frozen', true);
  const other = await openWriter('beside the frozen one');
  await other.commit();

  const position = await untilAfter(before);

  assert.equal(await idsBetween(before, position), [plain(other.id)]);
  assert.is(
    await frozen.commit().then(
      () => 'committed',
      () => 'ended',
    ),
    'ended',
  );
});

test('given a horizon whose connection is lost, it goes on with another', async () => {
  const before = await untilAfter(0);
  const [rows] = await mysql.raw('SHOW PROCESSLIST');
  const own = Number((await run('SELECT CONNECTION_ID() AS id'))[0]?.id);
  for (const { Id, db } of rows as { Id: number; db: string }[])
    if (new URL(url).pathname.endsWith(db ?? '-') && Id !== own) await mysql.raw(`KILL ${Id}`).catch(() => {});

  const writer = await openWriter('after the loss');
  await writer.commit();

  let position = before;
  await until('the horizon moves', async () => {
    position = await horizon.next().catch(() => before);
    return position > before;
  });
  assert.equal(await idsBetween(before, position), [plain(writer.id)]);
});

test('given many readers, one refresh serves all of them', async () => {
  const refreshes = new Set(Array.from({ length: 200 }, () => horizon.next()));

  assert.is(refreshes.size, 1);
  await Promise.all(refreshes);
});

test.after(async () => {
  await closeHorizon();
  await closeMysql();
});
test.run();
