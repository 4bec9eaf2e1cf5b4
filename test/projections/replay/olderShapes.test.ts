import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { openAll } from '../../../src/infra/closers.ts';
import { openMysql } from '../../../src/infra/stores/openMysql.ts';
import { type EventRow, rowsToEvents, rowToEvent } from '../../../src/projections/log/eventRows.ts';
import { lastPosition, runOn } from '../../../src/projections/log/readLog.ts';
import { exportLog } from '../../../src/projections/logFile/exportEvents.ts';
import { importLog } from '../../../src/projections/logFile/importEvents.ts';
import { projections } from '../../../src/projections/registry.ts';
import { openReplaySession } from '../../../src/projections/replay/replaySession.ts';
import { replayAndSwap } from '../../../src/projections/replay/replayTables.ts';
import { createDataDir } from '../../support/dataDirs.ts';
import { createDatabase } from '../../support/testStores.ts';

// test/fixtures/log holds exports of earlier versions of this program, and the tables that follow from them. These files are never
// changed: a new shape of an event gets a new file.

const test = suite('the replay of events of older shapes');
const folder = fileURLToPath(new URL('../../fixtures/log/', import.meta.url));
const signal = new AbortController().signal;
const onProgress = () => {};

/** Given a database with the events of a sample. */
const openImported = (sample: string) =>
  openAll(async (remember) => {
    const url = await createDatabase();
    const { mysql, close } = await openMysql(url);
    remember(close);
    const { session, close: closeSession } = await openReplaySession(url);
    remember(closeSession);
    const [writer, holder] = [runOn(session.writer), runOn(session.holder)];
    await importLog({ file: `${folder}${sample}`, writer, nodes: session.nodes, holder, signal, onProgress });
    return { mysql, session };
  });

for (const sample of readdirSync(folder).filter((file) => file.endsWith('.ndjson'))) {
  test(`${sample} is replayed to the tables that followed from it when it was written`, async () => {
    const { mysql, session, close } = await openImported(sample);

    await replayAndSwap(session, { projections, signal, onProgress });

    const rows: EventRow[] = await mysql('event_log').orderBy('position');
    const tables: Record<string, unknown> = {};
    for (const table of ['coupons', 'coupon_grabs', 'sales_per_minute'])
      tables[table] = await mysql(table).orderByRaw('1, 2');
    await close();
    const show = (key: string, value: { type?: string } | null) =>
      value?.type === 'Buffer' ? Buffer.from(value as never).toString(key.endsWith('id') ? 'hex' : 'utf8') : value;
    const shown = JSON.parse(JSON.stringify(tables, show));
    assert.equal(shown, JSON.parse(readFileSync(`${folder}${sample.replace('.ndjson', '.tables.json')}`, 'utf8')));
    assert.equal(rowsToEvents(rows), rows.map(rowToEvent));
  });

  test(`${sample} is exported byte for byte as it was imported`, async () => {
    const { session, close } = await openImported(sample);
    const file = join(createDataDir(), sample);
    const log = runOn(session.reader);

    await exportLog({ file, log, to: await lastPosition(log), signal, onProgress });

    await close();
    assert.is(readFileSync(file, 'utf8'), readFileSync(`${folder}${sample}`, 'utf8'));
  });
}

test.run();
