import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { CouponRef } from '../../src/events.ts';
import { eventColumns, toLogRows } from '../../src/projections/log/eventRows.ts';
import { insertRows, type RunSql } from '../../src/projections/log/sql.ts';
import { createLogProgress } from '../../src/queries/logProgress.ts';
import { couponRef, created, grabbed } from '../support/sampleEvents.ts';
import { openTestSystem } from '../support/testSystem.ts';

const { system, close } = await openTestSystem();
const test = suite('how far MySQL has the events of a coupon');
const run: RunSql = async (statement) => (await system.mysql.raw(statement))[0];

/** Given these versions in the log, as a batch of one process writes them. */
async function givenVersions(coupon: CouponRef, ...versions: number[]): Promise<void> {
  const events = versions.map((version) =>
    version === 1 ? created(coupon, 100) : grabbed(coupon, version, `c${version}`, 100 - version),
  );
  await insertRows(run, 'event_log', eventColumns.join(','), toLogRows(events));
}

const cases: [given: string, batches: number[][], version: number, complete: number][] = [
  ['no event', [], 3, 0],
  ['all events', [[1, 2, 3]], 3, 3],
  ['fewer events than Redis', [[1, 2]], 5, 2],
  ['more events than Redis had when it was asked', [[1, 2, 3, 4]], 3, 3],
  [
    'a gap, since another process has not written its batch yet',
    [
      [1, 2, 3],
      [5, 6],
    ],
    6,
    3,
  ],
  ['two gaps', [[1], [3], [5, 6]], 6, 1],
  ['a gap at the beginning', [[2, 3]], 3, 0],
];
for (const [given, batches, version, complete] of cases) {
  test(`with ${given}, it is the last version before the first one that is missing`, async () => {
    const coupon = couponRef('spring');
    for (const versions of batches) await givenVersions(coupon, ...versions);

    assert.is(await createLogProgress(system).completeUpTo(coupon.id, version), complete);
  });
}

test('grows when the missing versions arrive, and is never more than the version that was asked for', async () => {
  const progress = createLogProgress(system);
  const coupon = couponRef('spring');
  await givenVersions(coupon, 1, 2, 4, 5, 7);
  assert.is(await progress.completeUpTo(coupon.id, 7), 2);

  await givenVersions(coupon, 3);
  assert.is(await progress.completeUpTo(coupon.id, 7), 5);
  await givenVersions(coupon, 6);
  assert.is(await progress.completeUpTo(coupon.id, 7), 7);
  assert.is(await progress.completeUpTo(coupon.id, 4), 4);
});

test('versions that were counted once are not counted again', async () => {
  const progress = createLogProgress(system);
  const coupon = couponRef('spring');
  await givenVersions(coupon, 1, 2, 3);
  await progress.completeUpTo(coupon.id, 3);
  const asked: unknown[] = [];
  const record = ({ bindings }: { bindings: unknown[] }) => void asked.push(bindings.slice(1));
  system.reads.mysql.on('query', record);
  await givenVersions(coupon, 4);

  await progress.completeUpTo(coupon.id, 4);
  await progress.completeUpTo(coupon.id, 4);

  system.reads.mysql.client.removeListener('query', record);
  assert.equal(asked, [[3, 4]]);
});

test.after(close);
test.run();
