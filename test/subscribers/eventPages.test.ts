import { rejects } from 'node:assert/strict';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { CouponEvent } from '../../src/events.ts';
import { connectMysql } from '../../src/infra/stores/mysql.ts';
import { migrateTables } from '../../src/infra/stores/openMysql.ts';
import { eventColumns, toLogRows } from '../../src/projections/log/eventRows.ts';
import { lastPosition } from '../../src/projections/log/readLog.ts';
import { insertRows, type RunSql } from '../../src/projections/log/sql.ts';
import { createEventReader, type EventReader } from '../../src/subscribers/eventPages.ts';
import { archiveEvents } from '../support/archiveEvents.ts';
import { couponRef, created, grabbed } from '../support/sampleEvents.ts';
import { createDatabase } from '../support/testStores.ts';

// Two processes may write a coupon's version 8 to the log before version 7. Here the order of the log is given.

const url = await createDatabase();
await migrateTables(url);
const { mysql, close } = connectMysql(url, 2);
const run: RunSql = async (statement) => (await mysql.raw(statement))[0];
const test = suite('the events in pages');

/** Given these versions of a coupon in the log, in this order. Resolves to the position before the first. */
async function givenLog(...parts: [coupon: ReturnType<typeof couponRef>, version: number][]): Promise<number> {
  const before = await lastPosition(run);
  for (const [coupon, version] of parts) {
    const event: CouponEvent =
      version === 1 ? created(coupon, 99) : grabbed(coupon, version, `c${version}`, 99 - version);
    await insertRows(run, 'event_log', eventColumns.join(','), toLogRows([event]));
  }
  return before;
}
/** All that a reader gets after this position, as `name version`. `fresh`: every page is read by a new reader. */
async function readAll(after: number, limit: number, fresh: boolean) {
  const horizon = await lastPosition(run);
  let reader: EventReader = createEventReader();
  const found: { what: string; cursor: number }[] = [];
  for (let next = after; next < horizon; ) {
    if (fresh) reader = createEventReader();
    const page = await reader.read(run, { after: next, horizon, limit });
    for (const [i, { data }] of page.events.entries())
      found.push({ what: `${data.coupon.name} ${data.version}`, cursor: page.cursors[i] ?? 0 });
    next = page.next;
  }
  return found;
}

for (const limit of [1, 2, 3, 100])
  for (const fresh of [false, true])
    test(`the events of a coupon are in order whatever the order of the log (pages of ${limit}, ${fresh ? 'a new reader each' : 'one reader'})`, async () => {
      const [tea, cake] = [couponRef('tea'), couponRef('cake')];
      const start = await givenLog(
        [tea, 1],
        [tea, 4],
        [cake, 2],
        [tea, 2],
        [tea, 5],
        [cake, 1],
        [tea, 3],
        [cake, 3],
        [tea, 6],
      );

      const found = (await readAll(start, limit, fresh)).map(({ what }) => what);

      const expected = ['tea 1', 'tea 2', 'cake 1', 'cake 2', 'tea 3', 'tea 4', 'tea 5', 'cake 3', 'tea 6'];
      assert.equal(found, expected);
    });

test('a reader that continues after any event gets all later ones, in order', async () => {
  const tea = couponRef('tea');
  const start = await givenLog([tea, 1], [tea, 4], [tea, 2], [tea, 3], [tea, 5]);
  const all = await readAll(start, 100, false);
  assert.equal(
    all.map(({ what }) => what),
    ['tea 1', 'tea 2', 'tea 3', 'tea 4', 'tea 5'],
  );

  for (const [i, { cursor }] of all.entries()) {
    const rest = (await readAll(cursor, 100, true)).map(({ what }) => what);
    const expected = all.slice(i + 1).map(({ what }) => what);
    assert.equal(rest.slice(rest.length - expected.length), expected, `after ${all[i]?.what}`);
  }
});

test('a version that is missing holds up its coupon alone', async () => {
  const [broken, whole] = [couponRef('broken'), couponRef('whole')];
  const start = await givenLog([broken, 1], [broken, 3], [whole, 1], [broken, 4], [whole, 2]);

  const found = (await readAll(start, 2, false)).map(({ what }) => what);

  assert.equal(found, ['broken 1', 'whole 1', 'whole 2']);
});

test('a reader that began while a coupon was being archived gets the later events of this coupon', async () => {
  const tea = couponRef('tea');
  const start = await givenLog([tea, 1], [tea, 2], [tea, 3], [tea, 4], [tea, 5]);
  const reader = createEventReader();
  const first = await reader.read(run, { after: start, horizon: await lastPosition(run), limit: 2 });
  await archiveEvents(mysql, tea);
  await givenLog([tea, 6], [tea, 7]);

  const second = await reader.read(run, { after: first.next, horizon: await lastPosition(run), limit: 2 });

  assert.equal(
    [first, second].map(({ events }) => events.map(({ data }) => data.version)),
    [
      [1, 2],
      [6, 7],
    ],
  );
});

test('a page ends before an event of a newer release, and the page that would begin with it is refused', async () => {
  const [tea, cake] = [couponRef('tea'), couponRef('cake')];
  const start = await givenLog([tea, 1], [cake, 1]);
  const [newest] = await run('SELECT * FROM event_log ORDER BY position DESC LIMIT 1');
  await mysql('event_log').insert({
    ...newest,
    position: undefined,
    version: 2,
    type: 'CouponTagged',
    data: '{"tag":"x"}',
  });
  await givenLog([tea, 2]);
  const horizon = await lastPosition(run);
  const reader = createEventReader();

  const page = await reader.read(run, { after: start, horizon, limit: 100 });

  assert.equal(
    page.events.map(({ data }) => `${data.coupon.name} ${data.version}`),
    ['tea 1', 'cake 1'],
  );
  assert.is(page.next, Number(newest?.position));
  await rejects(() => reader.read(run, { after: page.next, horizon, limit: 100 }), { name: 'NewerRelease' });
});

test.after(close);
test.run();
