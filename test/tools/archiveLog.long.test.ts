import { setTimeout as sleep } from 'node:timers/promises';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { connectMysql, connectOnce } from '../../src/infra/stores/mysql.ts';
import { migrateTables } from '../../src/infra/stores/openMysql.ts';
import { applyBatch } from '../../src/projections/applyBatch.ts';
import { archiveFileOf } from '../../src/projections/archive/archiveFile.ts';
import { archiveLog } from '../../src/projections/archive/archiveLog.ts';
import { readArchived } from '../../src/projections/archive/pages.ts';
import { idToBytes } from '../../src/projections/log/eventRows.ts';
import { runOnPool } from '../../src/projections/log/pause.ts';
import { runOn } from '../../src/projections/log/readLog.ts';
import { openReplaySession } from '../../src/projections/replay/replaySession.ts';
import { createDataDir } from '../support/dataDirs.ts';
import { endPrograms, startProgram } from '../support/program.ts';
import { closed, couponRef, created, delivery, grabbed } from '../support/sampleEvents.ts';
import { createDatabase } from '../support/testStores.ts';

// The command on a coupon with several pages of events, without a server.

const GRABS = 12_000;
const url = await createDatabase();
await migrateTables(url);
const { mysql, close } = connectMysql(url, 4);
/** MySQL closes a connection that has written the log after some seconds of silence, as long as a command may run. */
const { mysql: reads, close: closeReads } = connectMysql(url, 2);
const folder = createDataDir();
const test = suite('npm run log:archive');

/** A coupon that is over, and another one with the newest event. */
async function givenBig(name: string, grabs: number) {
  const coupon = couponRef(name);
  await applyBatch(mysql, [delivery(created(coupon, grabs, { validUntil: 1_700_000_000_000_000 }))]);
  const events = Array.from({ length: grabs }, (_, i) => grabbed(coupon, i + 2, `c${i}`, grabs - i - 1));
  for (let i = 0; i < grabs; i += 1_000)
    await applyBatch(
      mysql,
      events.slice(i, i + 1_000).map((event) => delivery(event)),
    );
  await applyBatch(mysql, [delivery(closed(coupon, grabs + 2, 0))]);
  await applyBatch(mysql, [delivery(created(couponRef(`after ${name}`), 1))]);
  return idToBytes(coupon.id);
}
const start = (...args: string[]) => startProgram('src/tools/archiveLog.ts', { MYSQL_URL: url }, args);
const archive = () => start('--before', '2026-01-01', '--out', folder);
const rowsOf = (id: Buffer) => reads('event_log').where({ coupon_id: id }).orderBy('version');

/** The versions that the log has, and those that are archived: together they must be all. */
async function versionsOf(id: Buffer) {
  const [archived] = await reads('archived_coupons').where({ coupon_id: id });
  const packed: number[] = [];
  if (archived !== undefined)
    for await (const page of readArchived(runOnPool(reads), id)) packed.push(...page.map(({ version }) => version));
  const hot = (await rowsOf(id)).map(({ version }) => Number(version));
  return { packed, hot, all: new Set([...packed, ...hot]).size };
}

test('a command that is killed again and again ends when it is run once more, and no event is ever missing', async () => {
  const id = await givenBig('big', GRABS);
  const before = await rowsOf(id);
  for (let pause = 500; pause < 2_500; pause += 250) {
    const run = archive();
    await Promise.race([sleep(pause), run.ended]);
    run.kill('SIGKILL');
    await run.ended;
    assert.is((await versionsOf(id)).all, GRABS + 2, `after ${pause} ms`);
  }

  const { status, stderr } = await archive().ended;

  assert.is(status, 0, stderr);
  const { packed, hot } = await versionsOf(id);
  assert.equal([packed.length, hot.length], [GRABS + 2, 0]);
  const replay = await startProgram('src/tools/replay.ts', { MYSQL_URL: url }, ['--verify']).ended;
  assert.is(replay.status, 0, replay.stdout + replay.stderr);

  // And back, with a kill as well.
  const file = archiveFileOf(folder, id);
  const killed = start('--restore', file);
  await Promise.race([sleep(900), killed.ended]);
  killed.kill('SIGKILL');
  await killed.ended;
  assert.is((await versionsOf(id)).all, GRABS + 2);
  const restored = await start('--restore', file).ended;
  assert.is(restored.status, 0, restored.stderr);
  assert.equal(await rowsOf(id), before);
});

test('while a process rebuilds Redis, which holds the lease alone, nothing is archived or deleted', async () => {
  const id = await givenBig('meanwhile', 3);
  const { connection, close: closeRebuild } = await connectOnce(url);
  const rebuild = runOn(connection);
  await rebuild('START TRANSACTION');
  await rebuild('SELECT id FROM lease WHERE id = 1 FOR UPDATE');
  const { session, close: closeSession } = await openReplaySession(url);
  const steps: string[] = [];
  const onStep = (step: string) => void steps.push(step);
  const deps = { reader: session.reader, writer: runOn(session.writer), folder, onStep };

  const archiving = archiveLog(deps, Date.now() * 1_000, () => {});
  while (!steps.includes('pages')) await sleep(20);
  await sleep(300);
  assert.equal(await reads('archived_coupons'), []);
  assert.is((await versionsOf(id)).hot.length, 5);
  await rebuild('ROLLBACK');
  await archiving;

  assert.equal((await versionsOf(id)).packed, [1, 2, 3, 4, 5]);
  assert.ok(steps.includes('deleted'));
  await closeSession();
  await closeRebuild();
});

test.after(async () => {
  await endPrograms();
  await closeReads();
  await close();
});
test.run();
