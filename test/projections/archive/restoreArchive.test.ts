import { rejects } from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { readCouponEvents } from '../../../src/operators/couponEvents.ts';
import { readArchived } from '../../../src/projections/archive/pages.ts';
import { runOnPool } from '../../../src/projections/log/pause.ts';
import { insertLoggedRows } from '../../../src/projections/logFile/importEvents.ts';
import { listHistory } from '../../../src/queries/listHistory.ts';
import { archivedSale } from '../../support/archivedSale.ts';
import { createDataDir } from '../../support/dataDirs.ts';
import { endPrograms } from '../../support/program.ts';
import { openTestSystem, settled } from '../../support/testSystem.ts';

const opened = await openTestSystem();
const { system } = opened;
const folder = join(createDataDir(), 'archive');
const sale = archivedSale(opened, folder);
const test = suite('the way back from the archive');
const named = (name: string) => ({ seller: 'ann', name });

test.before(() => sale.prepare());

for (const step of [undefined, 'inserted'] as const) {
  test(`the events of a file are put back as they were${step ? `, also after a kill at "${step}"` : ''}`, async () => {
    const coupon = named(`restored ${step}`);
    await sale.givenWholeLife(coupon);
    await sale.sellOn();
    await settled(system);
    const rows = async () =>
      system
        .mysql('event_log')
        .where({ coupon_id: await sale.idOf(coupon) })
        .orderBy('version');
    const before = await rows();
    await sale.archive();
    assert.equal(await rows(), []);

    if (step !== undefined) {
      const killed = sale.restore(await sale.fileOf(coupon), (at) => {
        if (at === step) throw new Error('killed');
      });
      await rejects(killed, /killed/);
      await sale.assertAgreement();
    }
    assert.is(await sale.restore(await sale.fileOf(coupon)), before.length);

    assert.equal(await rows(), before);
    assert.equal(await sale.events(coupon), { hot: before.length, archived: 0 });
    await sale.assertAgreement();
    assert.is(await sale.restore(await sale.fileOf(coupon)), 0);
  });
}

test('the history has all events while a restore has put back only the first of them', async () => {
  const coupon = named('half restored');
  await sale.givenWholeLife(coupon);
  await sale.sellOn();
  await sale.archive();
  const run = runOnPool(system.mysql);
  const { archived } = await sale.events(coupon);
  for await (const page of readArchived(run, await sale.idOf(coupon))) await insertLoggedRows(run, page.slice(0, 5));

  const history = await listHistory(system, coupon, { after: 0, limit: 8 });
  const later = await listHistory(system, coupon, { after: 2, limit: 100 });
  const ofOperator = await readCouponEvents({ run, redis: system.redis }, { ...coupon, after: 2, limit: 100 });

  const upTo = (first: number, last: number) => Array.from({ length: last - first + 1 }, (_, i) => first + i);
  assert.equal(
    history?.data.map(({ version }) => version),
    upTo(1, 8),
  );
  assert.is(history?.next, 8);
  assert.equal(
    later?.data.map(({ version }) => version),
    upTo(3, archived),
  );
  assert.equal(
    ofOperator?.events.map(({ version }) => version),
    upTo(3, archived),
  );
});

test('a damaged file is refused before anything is written or deleted, and verify names it', async () => {
  const coupon = named('damaged');
  await sale.givenWholeLife(coupon);
  await sale.sellOn();
  const { hot } = await sale.events(coupon);
  const killed = sale.archive((at, { path }) => {
    if (at === 'archived' && path === 'ann/damaged') throw new Error('killed');
  });
  await rejects(killed, /killed/);
  const file = await sale.fileOf(coupon);
  const bytes = readFileSync(file);
  const damaged = Buffer.from(bytes);
  damaged[60] = (damaged[60] ?? 0) ^ 1;
  writeFileSync(file, damaged);

  await rejects(() => sale.archive(), /is damaged/);
  await rejects(() => sale.restore(file), /is damaged/);
  assert.equal(await sale.events(coupon), { hot, archived: hot });
  const { status, stdout } = await sale.tool('verify', '--archive', folder);
  assert.is(status, 1);
  assert.match(stdout, /^WRONG: ann\/damaged: .*is damaged: line/m);

  writeFileSync(file, bytes);
  await sale.archive();
  assert.equal(await sale.events(coupon), { hot: 0, archived: hot });
  await sale.assertAgreement();
});

test.after(async () => {
  await endPrograms();
  await opened.close();
});
test.run();
