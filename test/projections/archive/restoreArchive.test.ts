import { rejects } from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
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
