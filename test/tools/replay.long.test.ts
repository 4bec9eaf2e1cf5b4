import { setTimeout as sleep } from 'node:timers/promises';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { openMysql } from '../../src/infra/stores/openMysql.ts';
import { applyBatch } from '../../src/projections/applyBatch.ts';
import { openReplaySession } from '../../src/projections/replay/replaySession.ts';
import { openTransaction } from '../support/outages.ts';
import { endPrograms, startProgram } from '../support/program.ts';
import { couponRef, created, delivery, grabbed } from '../support/sampleEvents.ts';
import { createDatabase } from '../support/testStores.ts';

const url = await createDatabase();
const { mysql, close } = await openMysql(url);
const test = suite('npm run replay');
const replay = (...args: string[]) => startProgram('src/tools/replay.ts', { MYSQL_URL: url }, args);

const sea = couponRef('sea');
test.before(async () => {
  const grabs = Array.from({ length: 30 }, (_, i) => grabbed(sea, i + 2, `customer ${i}`, 29 - i));
  await applyBatch(mysql, [delivery(created(sea, 30)), delivery(...grabs)]);
});

test('a replay restores lost rows, prints a summary, and ends with exit status 0', async () => {
  await mysql('coupon_grabs').delete();
  const { status, stdout, stderr } = await replay().ended;
  assert.is(status, 0, stderr);
  assert.match(stdout, /^31 events in /m);
  assert.match(
    stdout,
    /^rebuilt and swapped in: coupons, coupon_grabs, sales_per_minute; the MySQL projection was paused for \d+ ms$/m,
  );
  assert.match(stderr, /^reading: 100 %, 31 events/m);
  assert.is((await mysql('coupon_grabs')).length, 30);
});

test('--verify prints the first 20 differences and the number of all, changes nothing, and ends with exit status 1', async () => {
  assert.match((await replay('--verify').ended).stdout, /^the live tables match the log$/m);
  await mysql('coupon_grabs').where('version', '>', 6).delete();
  const { status, stdout } = await replay('--verify').ended;
  assert.is(status, 1);
  assert.is(stdout.match(/^missing in coupon_grabs: /gm)?.length, 20);
  assert.match(stdout, /^coupon_grabs: missing: 25$/m);
  assert.is((await mysql('coupon_grabs')).length, 5);
  assert.is((await replay().ended).status, 0);
});

test('--only rebuilds one projection', async () => {
  await mysql('sales_per_minute').delete();
  const { status, stdout } = await replay('--only', 'sales_per_minute').ended;
  assert.is(status, 0);
  assert.match(stdout, /swapped in: sales_per_minute;/);
  assert.is((await mysql('sales_per_minute')).length, 1);
});

test('--until leaves the tables as of a position beside the live ones', async () => {
  const { status, stdout } = await replay('--until', '11').ended;
  assert.is(status, 0);
  assert.match(stdout, /^rebuilt beside the live tables: coupons_at, coupon_grabs_at, sales_per_minute_at$/m);
  assert.is((await mysql('coupon_grabs_at')).length, 10);
});

test('the tables of --until have views with ids in hex and times as timestamps, and --drop-until removes both', async () => {
  assert.is((await replay('--until', '11').ended).status, 0);
  const [coupon] = await mysql('coupons_at_readable').select('*', mysql.raw('CAST(created_at AS CHAR) AS shown'));
  const [stored] = await mysql('coupons_at');
  assert.is(coupon.id, stored.id.toString('hex'));
  assert.equal([coupon.seller, coupon.name], ['ann', 'sea']);
  const microseconds = new Date(stored.created_at / 1_000).toISOString().replace('T', ' ').slice(0, 23);
  assert.ok(coupon.shown.startsWith(microseconds), `${coupon.shown}, ${microseconds}`);
  const [grab] = await mysql('coupon_grabs_at_readable').where({ version: 2 });
  assert.equal([grab.customer, grab.coupon_id], ['customer 0', coupon.id]);
  assert.is((await mysql('sales_per_minute_at_readable')).length, 1);

  const { status, stdout } = await replay('--drop-until').ended;
  assert.equal([status, stdout], [0, 'the tables and views of --until are dropped\n']);
  assert.equal((await mysql.raw("SHOW TABLES LIKE '%\\_at%'"))[0], []);
});

test('--until with a position beyond the log or a time in the future is refused in one line with exit status 2', async () => {
  for (const [until, message] of [
    ['32', /^--until: position 32 is beyond the log, which ends at 31$/],
    ['2999-01-01', /^--until: this time is in the future: it is \d{4}-/],
  ] as const) {
    const { status, stdout, stderr } = await replay('--until', until).ended;
    assert.equal([status, stdout], [2, '']);
    const [named, refusal, ...more] = stderr.trim().split('\n');
    assert.match(String(named), /^MySQL: /);
    assert.match(String(refusal), message);
    assert.equal(more, []);
  }
  assert.equal((await mysql.raw("SHOW TABLES LIKE '%\\_at%'"))[0], []);
});

for (const args of [
  ['--until', 'yesterday'],
  ['--until', '2026-02-30'],
  ['--only', 'coupon_grabs'],
  ['--what'],
  ['--verify', '--until', '1'],
]) {
  test(`${args.join(' ')} is wrong usage: one line on standard error and exit status 2`, async () => {
    const { status, stderr } = await replay(...args).ended;
    assert.is(status, 2);
    assert.is(stderr.trim().split('\n').length, 1);
  });
}

test('a second replay of the same database fails with one line and exit status 1', async () => {
  const { close: closeSession } = await openReplaySession(url);
  const { status, stderr } = await replay().ended;
  await closeSession();
  assert.is(status, 1);
  assert.is(stderr.trim(), 'another replay or import is running on this database');
});

test('Ctrl-C while a replay waits for the pause leaves the live tables unchanged, with exit status 1', async () => {
  // Given a transaction of the projection that stays open.
  const batch = await openTransaction(mysql);
  await batch.raw('SELECT id FROM projection_pause LOCK IN SHARE MODE');
  const waiting = replay();
  while ((await mysql.raw("SHOW TABLES LIKE 'sales%replay'"))[0].length === 0) await sleep(5);
  waiting.kill('SIGINT');
  const { status, stderr } = await waiting.ended;
  await batch.rollback();
  assert.is(status, 1);
  assert.match(stderr, /^interrupted: the live tables are unchanged$/m);
  const [tables] = await mysql.raw("SHOW TABLES LIKE '%replay%'");
  assert.equal(tables, []);
});

test.after(async () => {
  await endPrograms();
  await close();
});
test.run();
