import { rejects } from 'node:assert/strict';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { DecidedEvent } from '../../../src/events.ts';
import { keys } from '../../../src/infra/keys.ts';
import { readCouponEvents } from '../../../src/operators/couponEvents.ts';
import { applyBatch } from '../../../src/projections/applyBatch.ts';
import { readArchived } from '../../../src/projections/archive/pages.ts';
import { type EventRow, rowsToEvents } from '../../../src/projections/log/eventRows.ts';
import { runOnPool } from '../../../src/projections/log/pause.ts';
import { listHistory } from '../../../src/queries/listHistory.ts';
import { createEventReader } from '../../../src/subscribers/eventPages.ts';
import { archivedSale } from '../../support/archivedSale.ts';
import { lifeOf } from '../../support/couponLife.ts';
import { createDataDir } from '../../support/dataDirs.ts';
import { endPrograms } from '../../support/program.ts';
import { delivery } from '../../support/sampleEvents.ts';
import { openTestSystem, settled } from '../../support/testSystem.ts';

const opened = await openTestSystem();
const { system } = opened;
const folder = join(createDataDir(), 'archive');
const sale = archivedSale(opened, folder);
const test = suite('the archive of the log');
const HOUR = 3_600_000_000;
const named = (name: string) => ({ seller: 'ann', name });

test.before(() => sale.prepare());

test('only coupons that are closed, and whose codes cannot be redeemed any more, are archived', async () => {
  await sale.givenWholeLife(named('whole life'));
  await sale.givenExpired(named('expired'), 12);
  await sale.givenOpen(named('open'));
  await sale.givenOpen(named('held'));
  await lifeOf(system, named('held')).close();
  await sale.givenOpen(named('still valid'));
  await lifeOf(system, named('still valid')).change({ validUntil: Date.now() * 1_000 + HOUR });
  await lifeOf(system, named('still valid')).close();
  await lifeOf(system, named('without pieces')).create(3);
  await lifeOf(system, named('expired, not closed')).create(3);
  await lifeOf(system, named('expired, not closed')).change({ validUntil: Date.now() * 1_000 - 1 });
  await sale.sellOn();
  const [whole, expired] = [await sale.events(named('whole life')), await sale.events(named('expired'))];
  const history = await historyOf('whole life');
  const ofOperator = await eventsOf('whole life');

  const { coupons, events, blocked } = await sale.archive();

  assert.equal(
    { coupons, events, blocked: blocked.coupons },
    { coupons: 2, events: whole.hot + expired.hot, blocked: 0 },
  );
  assert.equal(await sale.events(named('whole life')), { hot: 0, archived: whole.hot });
  assert.equal(await sale.events(named('expired')), { hot: 0, archived: expired.hot });
  for (const name of ['open', 'held', 'still valid', 'without pieces', 'expired, not closed'])
    assert.is((await sale.events(named(name))).archived, 0);
  assert.is(readdirSync(folder).length, 2);
  assert.equal(await historyOf('whole life'), history);
  assert.equal(await eventsOf('whole life'), ofOperator);
});

test('then verify and replay agree, and Redis is rebuilt as it was', async () => {
  await sale.assertAgreement();
  await sale.assertRebuilt();
  await sale.assertAgreement();
  for (const [tool, ...args] of [['replay', '--verify'], ['replay'], ['verify', '--archive', folder]] as const) {
    const { status, stdout, stderr } = await sale.tool(tool, ...args);
    assert.is(status, 0, stdout + stderr);
  }
});

test('a coupon with the newest event of the log stays, and so does one with an event since the time', async () => {
  const coupon = named('late');
  await lifeOf(system, coupon).create(3);
  await lifeOf(system, coupon).close();

  assert.is((await sale.archive()).coupons, 0);
  await sale.sellOn();
  assert.is((await sale.archive(() => {}, HOUR)).coupons, 0);

  assert.equal(await sale.events(coupon), { hot: 2, archived: 0 });
  assert.is((await sale.archive()).coupons, 1);
});

test('archived events that an older copy of Redis publishes again are known, and a different one is damage', async () => {
  const coupon_id = await sale.idOf(named('whole life'));
  const rows: EventRow[] = [];
  for await (const page of readArchived(runOnPool(system.mysql), coupon_id)) rows.push(...page);
  const events = rowsToEvents(rows) as DecidedEvent[];
  const [again, other] = [events.map((event) => delivery(event)), events.slice(1, 2)];

  const { committed, damaged } = await applyBatch(system.mysql, again);
  const contradiction = await applyBatch(
    system.mysql,
    other.map((event) => delivery({ ...event, occurredAt: event.occurredAt + 1 })),
  );

  assert.equal([committed.length, damaged.length], [events.length, 0]);
  assert.equal([contradiction.committed.length, contradiction.damaged.length], [0, 1]);
  assert.equal(await sale.events(named('whole life')), { hot: 0, archived: events.length });
});

test('the trigger lets archived events be deleted, and no others', async () => {
  const [[{ hot }]] = await system.mysql.raw('SELECT COUNT(*) AS hot FROM event_log');
  const refused = await system.mysql.raw('DELETE FROM event_log').catch((error: Error) => error.message);
  assert.match(String(refused), /event_log is append-only/);
  const [[after]] = await system.mysql.raw('SELECT COUNT(*) AS hot FROM event_log');
  assert.is(after.hot, hot);
});

test('a later event about an archived coupon stays in the log on top of the archived ones', async () => {
  await lifeOf(system, named('expired')).release('c3');
  await settled(system);
  const { hot, archived } = await sale.events(named('expired'));
  assert.is(hot, 1);
  // A reader of events gets it, wherever it begins: it does not wait for the versions before.
  const [{ position }] = (await system.mysql('event_log').orderBy('position', 'desc').limit(1)) as [
    { position: number },
  ];
  for (const from of [0, position - 1]) {
    const run = runOnPool(system.mysql);
    const { events } = await createEventReader().read(run, { after: from, horizon: position, limit: 1_000 });
    assert.is(events.at(-1)?.type, 'GrabReleased');
  }

  await sale.assertAgreement();
  await sale.assertRebuilt();
  await sale.sellOn();
  assert.is((await sale.archive()).coupons, 0);

  assert.equal(await sale.events(named('expired')), { hot: 1, archived });
  const page = await historyOf('expired', archived - 2);
  assert.equal(
    page?.data.map(({ version }) => version),
    [archived - 1, archived, archived + 1],
  );
});

/** What the page of operators shows, found by the name and by the id. */
const eventsOf = async (name: string) => {
  const deps = { run: runOnPool(system.mysql), redis: system.redis };
  const byName = await readCouponEvents(deps, { ...named(name), after: 2, limit: 5 });
  const byId = await readCouponEvents(deps, { id: String(byName?.coupon.id), after: 2, limit: 5 });
  assert.equal(byId, byName);
  assert.is(byName?.events.length, 5);
  return byName;
};

const historyOf = async (name: string, after = 0) => {
  const whole = await listHistory(system, named(name), { after, limit: 100 });
  const pages: unknown[] = [];
  for (let from = after; ; ) {
    const page = await listHistory(system, named(name), { after: from, limit: 3 });
    pages.push(...(page?.data ?? []));
    if (page?.next === undefined) break;
    from = page.next;
  }
  assert.equal(pages, whole?.data);
  return whole;
};

for (const step of ['file', 'pages', 'archived', 'deleted'] as const) {
  test(`a process that is killed after the step "${step}" leaves a log that agrees, and the next run completes it`, async () => {
    const coupon = named(`killed at ${step}`);
    await sale.givenWholeLife(coupon);
    await sale.sellOn();
    const { hot } = await sale.events(coupon);

    await rejects(
      () =>
        sale.archive((at) => {
          if (at === step) throw new Error('killed');
        }),
      /killed/,
    );

    await sale.assertAgreement();
    await sale.assertRebuilt();
    await sale.assertReplay();
    const { coupons, completed } = await sale.archive();
    assert.is(coupons + completed, step === 'deleted' ? 0 : 1);
    assert.equal(await sale.events(coupon), { hot: 0, archived: hot });
    await sale.assertAgreement();
  });
}

test('events that a subscription has not delivered are not archived, and the refusal names it', async () => {
  await sale.givenWholeLife(named('not delivered'));
  await sale.sellOn();
  await settled(system);
  const [newest] = await system.mysql('event_log').max({ position: 'position' });
  const [last] = await system
    .mysql('event_log')
    .where({ coupon_id: await sale.idOf(named('not delivered')) })
    .max({ position: 'position' });
  const position = Number(last?.position) - 1;
  await system.mysql('subscriptions').insert({ name: 'orders', position });

  const refused = await sale.tool('archiveLog', '--before', new Date().toISOString(), '--out', folder);

  assert.is(refused.status, 1);
  assert.match(refused.stderr, new RegExp(`^subscription orders has delivered up to ${position}$`, 'm'));
  assert.match(
    refused.stderr,
    /^1 coupons are not archived, since a subscription has not delivered their events yet$/m,
  );
  assert.is((await sale.events(named('not delivered'))).archived, 0);

  await system.mysql('subscriptions').update({ position: newest?.position });
  const { status, stdout } = await sale.tool('archiveLog', '--before', new Date().toISOString(), '--out', folder);
  assert.is(status, 0);
  assert.match(stdout, /^1 coupons with \d+ events archived in /m);
  const rewound = await sale.tool('subscribers', 'rewind', 'orders', '--to', '2020-01-01');
  assert.is(rewound.status, 1);
  assert.match(rewound.stderr, /events of \d+ coupons since then are archived/);
  await system.mysql('subscriptions').delete();
});

test('a paused webhook of a seller keeps the coupons of this seller alone from being archived', async () => {
  const ofEve = { seller: 'eve', name: 'waits for her webhook' };
  await system.redis.set(keys.userView('eve'), 'seller');
  const webhook = { id: 'eves', owner: 'eve', url: 'https://eve.example', secret: 'x', state: 'paused', created_at: 1 };
  await system.mysql('webhooks').insert(webhook);
  await system.mysql('subscriptions').insert({ name: 'webhook:eves', position: 0 });
  for (const coupon of [ofEve, named('of another seller')]) await sale.givenWholeLife(coupon);
  await sale.sellOn();

  const first = await sale.archive();

  await system.mysql('webhooks').delete();
  await system.mysql('subscriptions').delete();
  assert.equal([first.coupons, first.blocked], [1, { coupons: 1, by: [{ name: 'webhook:eves', position: 0 }] }]);
  assert.is((await sale.events(ofEve)).archived, 0);
  assert.is((await sale.archive()).coupons, 1);
});

test('a webhook of the operator, and a subscription that is created while a coupon is being archived, keep it', async () => {
  await sale.givenWholeLife(named('operator'));
  await sale.sellOn();
  const webhook = { id: 'all', url: 'https://ops.example', secret: 'x', state: 'paused', created_at: 1 };
  await system.mysql('webhooks').insert(webhook);
  await system.mysql('subscriptions').insert({ name: 'webhook:all', position: 0 });

  const first = await sale.archive();
  await system.mysql('subscriptions').delete();
  const second = sale.archive(async (step) => {
    if (step === 'pages') await system.mysql('subscriptions').insert({ name: 'webhook:all', position: 0 });
  });

  await rejects(second, /ann\/operator has changed meanwhile/);
  assert.equal([first.coupons, first.blocked.coupons], [0, 1]);
  await system.mysql('webhooks').update({ owner: 'eve' });
  assert.is((await sale.archive()).coupons, 1);
  for (const table of ['webhooks', 'subscriptions']) await system.mysql(table).delete();
});

test('a later archiving has a later time, also when the clock was set back in between', async () => {
  await system.mysql.raw('UPDATE archived_coupons SET archived_at = NOW(3) + INTERVAL 1 HOUR');
  for (const name of ['set back', 'set back too']) await sale.givenWholeLife(named(name));
  await sale.sellOn();

  assert.is((await sale.archive()).coupons, 2);

  const rows = await system.mysql('archived_coupons').distinct('archived_at').orderBy('archived_at', 'desc');
  const two = await system.mysql('archived_coupons').whereIn('name', ['set back', 'set back too']);
  assert.is(rows.length, 3);
  assert.equal(
    two.map(({ archived_at }) => Number(archived_at)).sort(),
    rows
      .slice(0, 2)
      .map(({ archived_at }) => Number(archived_at))
      .reverse(),
  );
});

test('a time in the future, no time, and both options are refused', async () => {
  const future = await sale.tool('archiveLog', '--before', '2100-01-01', '--out', folder);
  assert.is(future.status, 1);
  assert.match(future.stderr, /^--before is in the future: nothing was archived$/m);
  assert.is((await sale.tool('archiveLog')).status, 2);
  assert.is((await sale.tool('archiveLog', '--before', '2020-01-01', '--restore', 'x')).status, 2);
  assert.is(existsSync('archive'), false);
});

test.after(async () => {
  await endPrograms();
  await opened.close();
});
test.run();
