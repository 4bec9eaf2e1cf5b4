import { rejects } from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { copyFileSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { connectMysql, connectOnce } from '../../../src/infra/stores/mysql.ts';
import { openMysql } from '../../../src/infra/stores/openMysql.ts';
import { OperatorError } from '../../../src/operatorError.ts';
import { applyBatch } from '../../../src/projections/applyBatch.ts';
import { lastPosition, runOn } from '../../../src/projections/log/readLog.ts';
import { exportLog } from '../../../src/projections/logFile/exportEvents.ts';
import { chainStart, eventLine, followChain } from '../../../src/projections/logFile/format.ts';
import { importLog } from '../../../src/projections/logFile/importEvents.ts';
import { openReplaySession } from '../../../src/projections/replay/replaySession.ts';
import { createDataDir } from '../../support/dataDirs.ts';
import { endPrograms, startProgram } from '../../support/program.ts';
import { couponRef, created, delivery, grabbed } from '../../support/sampleEvents.ts';
import { createDatabase } from '../../support/testStores.ts';

const GRABS = 12_000;
const url = await createDatabase();
const { mysql, close } = await openMysql(url);
const folder = createDataDir();
const test = suite('npm run log:export');

const run = (tool: string, database: string, args: string[]) =>
  startProgram(`src/tools/${tool}.ts`, { MYSQL_URL: database }, args);
const exportTo = (file: string) => run('exportLog', url, [file]).ended;
const importInto = (database: string, file: string) => run('replay', database, ['--from', file]).ended;
const path = (name: string) => join(folder, name);

/** Exports without the command around it. */
async function exportInProcess(file: string): Promise<void> {
  const { connection, close: closeConnection } = await connectOnce(url);
  const log = runOn(connection);
  const signal = new AbortController().signal;
  await exportLog({ file, log, to: await lastPosition(log), signal, onProgress: () => {} });
  await closeConnection();
}
const linesOf = (file: string) => readFileSync(file, 'utf8').trimEnd().split('\n');
const whole = path('whole.ndjson');

const odd = { ...couponRef('优惠 券%3 "x",\\"data":{'), seller: 'bób' };
const big = couponRef('big');
test.before(async () => {
  await applyBatch(mysql, [
    delivery({ ...created(odd, 3), data: { amount: 3, stock: 0, description: 'a\n"b"\u2028' } }),
  ]);
  await applyBatch(mysql, [delivery(grabbed(odd, 2, 'zoe 😀', 2)), delivery(created(big, GRABS))]);
  for (let i = 0; i < GRABS; i += 1_000) {
    const grabs = Array.from({ length: 1_000 }, (_, j) => grabbed(big, i + j + 2, `c${i + j}`, GRABS - i - j - 1));
    await applyBatch(mysql, [delivery(...grabs)]);
  }
  assert.is((await exportTo(whole)).status, 0);
});

test('the file has one event a line in the order of positions, each line the hash of the line before it, and a closing line', () => {
  const lines = linesOf(whole);
  assert.is(lines.length, GRABS + 4);
  const parsed = lines.map((line) => JSON.parse(line));
  assert.ok(parsed.every(({ previous }, i) => i === 0 || previous === parsed[i - 1].hash));
  assert.equal(
    [parsed[0].seller, parsed[0].type, parsed[1].data],
    ['bób', 'CouponCreated', { customer: 'zoe 😀', left: 2 }],
  );
  assert.equal([parsed.at(-1).complete, parsed.at(-1).events], [true, GRABS + 3]);
});

test('a file whose name ends in .gz is zipped, and every gunzip reads the same lines from it', async () => {
  const zipped = path('whole.ndjson.gz');
  assert.match((await exportTo(zipped)).stdout, /^12003 events in /);
  assert.equal(gunzipSync(readFileSync(zipped)).toString(), readFileSync(whole, 'utf8'));
  assert.is(spawnSync('gzip', ['-t', zipped]).status, 0);
});

for (const name of ['cut.ndjson', 'cut.ndjson.gz']) {
  test(`${name}: given a file that was cut anywhere, the next export goes on behind its last whole line`, async () => {
    const file = path(name);
    const text = () => (name.endsWith('.gz') ? gunzipSync(readFileSync(file)).toString() : readFileSync(file, 'utf8'));
    await exportInProcess(file);
    const content = readFileSync(file);
    for (const share of [0, 0.000_01, 0.3, 0.999_99]) {
      truncateSync(file, Math.floor(content.length * share));
      await exportInProcess(file);
      assert.equal(text(), readFileSync(whole, 'utf8'));
    }

    truncateSync(file, Math.floor(content.length * 0.77));
    const { status, stdout, stderr } = await exportTo(file);
    assert.is(status, 0, stderr);
    assert.match(stdout, /^12003 events in .*, [1-9]\d+ of them by an earlier run$/m);
    assert.equal(text(), readFileSync(whole, 'utf8'));
  });
}

test('a complete export, a file that is no export, and the export of another log are refused and not changed', async () => {
  assert.match((await exportTo(whole)).stderr, /is already a complete export/);
  const other = path('letter.txt');
  writeFileSync(other, 'Dear all,\n');
  assert.match((await exportTo(other)).stderr, /is not an export/);
  writeFileSync(other, 'Dear all');
  assert.match((await exportTo(other)).stderr, /is not an export/);
  assert.is(readFileSync(other, 'utf8'), 'Dear all');
  const foreign = path('foreign.ndjson');
  writeFileSync(foreign, `${linesOf(whole)[0]?.replace('bób', 'bob')}\n`);
  assert.match((await exportTo(foreign)).stderr, /line 1 was changed/);
  const row = followChain(chainStart(), linesOf(whole)[0] ?? '');
  if (row === undefined) throw new Error('an event');
  writeFileSync(foreign, `${eventLine({ ...row, name: Buffer.from('other') }, chainStart().hash).text}\n`);
  assert.match((await exportTo(foreign)).stderr, /belongs to another log/);
});

test('an import into a dropped database restores the same log to the letter, and the tables that follow from it', async () => {
  for (const file of [whole, path('whole.ndjson.gz')]) {
    const copy = url.replace(/test_\w+/, `$&_${file.length}`);
    const { status, stdout, stderr } = await importInto(copy, file);
    assert.is(status, 0, stderr);
    assert.match(stdout, /^12003 events imported from /m);
    const other = connectMysql(copy);
    for (const table of ['event_log', 'coupons', 'coupon_grabs', 'sales_per_minute']) {
      assert.equal(await other.mysql(table).orderByRaw('1, 2'), await mysql(table).orderByRaw('1, 2'), table);
    }
    // The next position comes after those of the file, and the log still refuses changes.
    await applyBatch(other.mysql, [delivery(created(couponRef('next'), 1))]);
    const error = await other
      .mysql('event_log')
      .delete()
      .catch((refused) => refused.message);
    await other.close();
    assert.match(error, /append-only/);
    assert.match((await importInto(copy, file)).stderr, /event_log is not empty/);
  }
});

const swapped = (lines: string[], a: number, b: number) =>
  lines.map((line, i) => (i === a ? lines[b] : i === b ? lines[a] : line)) as string[];
const damages: [what: string, damage: (lines: string[]) => string[] | string, says: RegExp][] = [
  ['a cut line', (lines) => lines.slice(0, 100).join('\n').slice(0, -40), /line 100 is cut/],
  ['a missing end', (lines) => lines.slice(0, 100), /line 101 is missing: the export is not complete/],
  [
    'a changed line',
    (lines) => lines.map((line, i) => (i === 99 ? line.replace('"left":', '"left":1') : line)),
    /line 100 was changed/,
  ],
  [
    'a changed hash',
    (lines) => lines.map((line, i) => (i === 99 ? line.replace(/"hash":"./, '"hash":"*') : line)),
    /line 100 is cut, or is not a line/,
  ],
  ['a missing line', (lines) => lines.filter((_, i) => i !== 99), /line 100 does not follow the line before it/],
  ['a missing first line', (lines) => lines.slice(1), /line 1 does not follow/],
  [
    'a doubled line',
    (lines) => lines.flatMap((line, i) => (i === 99 ? [line, line] : [line])),
    /line 101 duplicates the line before it/,
  ],
  ['swapped lines', (lines) => swapped(lines, 99, 100), /line 100 does not follow/],
  ['lines after the end', (lines) => [...lines, String(lines.at(-2))], /comes after the line that ends the export/],
  [
    'an empty line',
    (lines) => lines.flatMap((line, i) => (i === 99 ? ['', line] : [line])),
    /line 100 is cut, or is not a line/,
  ],
  ['an empty file', () => '', /line 1 is missing/],
];

const empty = await createDatabase();
await openMysql(empty).then(({ close: done }) => done());
/** Imports into an empty database, without the command around it. Resolves to the message and the number of events afterwards. */
async function tryImport(file: string): Promise<{ message: string; events: number }> {
  const { session, close: closeSession } = await openReplaySession(empty);
  const [writer, holder] = [runOn(session.writer), runOn(session.holder)];
  const deps = {
    file,
    writer,
    nodes: session.nodes,
    holder,
    signal: new AbortController().signal,
    onProgress: () => {},
  };
  const message = await importLog(deps).then(
    () => 'imported',
    (error) => error.message,
  );
  const events = (await writer('SELECT position FROM event_log')).length;
  await closeSession();
  return { message, events };
}

for (const [what, damage, says] of damages) {
  test(`given a file with ${what}, the import names the line and imports nothing`, async () => {
    const file = path('damaged.ndjson');
    const damaged = damage(linesOf(whole));
    writeFileSync(file, Array.isArray(damaged) ? `${damaged.join('\n')}\n` : damaged);
    const { message, events } = await tryImport(file);
    assert.match(message, says);
    assert.is(events, 0);
  });
}

test('a failure is one line and exit status 1', async () => {
  const file = path('damaged.ndjson');
  writeFileSync(file, readFileSync(whole).subarray(0, 3_000));
  const { status, stderr } = await importInto(empty, file);
  assert.is(status, 1);
  assert.match(stderr, /^\S+damaged.ndjson: line \d+ is cut; nothing was imported$/m);
});

test('a file that is damaged between its check and its import leaves no event behind', async () => {
  const file = path('changing.ndjson');
  writeFileSync(file, readFileSync(whole));
  const { session, close: closeSession } = await openReplaySession(empty);
  const [writer, holder] = [runOn(session.writer), runOn(session.holder)];
  const onProgress = (phase: string, _: number, __: number, events: number) => {
    if (phase === 'checking' && events > GRABS) truncateSync(file, 2_000_000);
  };
  const signal = new AbortController().signal;
  await rejects(() => importLog({ file, writer, nodes: session.nodes, holder, signal, onProgress }), /line \d+ is cut/);
  assert.is((await writer('SELECT position FROM event_log')).length, 0);
  await closeSession();
});

test('a cut or damaged zipped file is refused with the number of the line', async () => {
  const content = readFileSync(path('whole.ndjson.gz'));
  const file = path('damaged.ndjson.gz');
  for (const damaged of [content.subarray(0, content.length * 0.7), Buffer.concat([content]).fill(7, 70_000, 70_020)]) {
    writeFileSync(file, damaged);
    const { message, events } = await tryImport(file);
    assert.is(events, 0);
    // Damaged bytes may still unzip, to text that is no line.
    assert.match(message, /line \d+ (cannot be decompressed|is cut|was changed)/);
  }
});

test('a file that vanishes between its check and its import is one line, and imports nothing', async () => {
  const file = path('vanishing.ndjson');
  copyFileSync(whole, file);
  const database = await createDatabase();
  const opened = await openMysql(database);
  const { session, close: closeSession } = await openReplaySession(database);
  const importing = importLog({
    file,
    writer: runOn(session.writer),
    nodes: session.nodes,
    holder: runOn(session.holder),
    signal: new AbortController().signal,
    onProgress: (phase) => phase === 'checking' && rmSync(file, { force: true }),
  });
  await rejects(importing, (error) => error instanceof OperatorError && /cannot be read/.test(error.message));
  const rows = await opened.mysql('event_log');
  await closeSession();
  await opened.close();
  assert.is(rows.length, 0);
});

test.after(async () => {
  await endPrograms();
  await close();
});
test.run();
