import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { groupedCode } from '../../src/coupon/code.ts';
import { type CouponName, keys } from '../../src/infra/keys.ts';
import { connectMysql } from '../../src/infra/stores/mysql.ts';
import { findCouponLog } from '../../src/queries/couponLog.ts';
import { type Holder, listHolders, pagesOfHolders, selectHolders } from '../../src/queries/listHolders.ts';
import { lifeOf } from '../support/couponLife.ts';
import { givenManyHolders } from '../support/manyHolders.ts';
import { lockCoupons } from '../support/outages.ts';
import { loggedEvents, openTestSystem, settled } from '../support/testSystem.ts';

const { system, config, close } = await openTestSystem();
const test = suite('the pieces that are held');
let coupons = 0;

/** Given a new coupon, and pieces that these customers have grabbed one after the other: versions 2, 3, ... Resolves to the codes. */
async function given(...customers: string[]) {
  const coupon = { seller: 'ann', name: `coupon ${++coupons}` };
  const life = lifeOf(system, coupon);
  await life.create(1_000, { perCustomer: 10 });
  const codes: string[] = [];
  for (const name of customers) codes.push(await life.grab(name));
  return { coupon, life, codes };
}

async function list(coupon: CouponName, filter: Partial<Parameters<typeof listHolders>[2]> = {}) {
  await settled(system);
  const page = await listHolders(system, coupon, { after: 0, limit: 100, q: '', ...filter });
  if (page === undefined) throw new Error('no such coupon');
  return page;
}
const customersIn = ({ data }: { data: readonly Holder[] }) => data.map(({ customer }) => customer);

test('have the version and the time of their grab, their customer and their code', async () => {
  const { coupon, codes } = await given('bob');

  const page = await list(coupon);

  const at = (await loggedEvents(system, coupon.seller, coupon.name))[1]?.occurredAt ?? 0;
  const bob = {
    version: 2,
    customer: 'bob',
    code: groupedCode(codes[0] ?? ''),
    grabbedAt: new Date(at / 1_000).toISOString(),
  };
  assert.equal(page, { source: 'mysql', version: 2, behind: 0, data: [bob] });
});

test('are listed without the pieces that were given back, and with the time of a redemption that was not undone', async () => {
  const { coupon, life, codes } = await given('bob', 'eve', 'kim', 'tim');
  await life.release('eve');
  await life.redeem(codes[2] ?? '');
  await life.redeem(codes[3] ?? '');
  await life.undo(codes[3] ?? '');

  const { data, version } = await list(coupon);

  const redeemedAt = (await loggedEvents(system, coupon.seller, coupon.name))[6]?.occurredAt ?? 0;
  assert.is(version, 9);
  assert.equal(
    data.map((holder) => [holder.customer, holder.redeemedAt]),
    [
      ['bob', undefined],
      ['kim', new Date(redeemedAt / 1_000).toISOString()],
      ['tim', undefined],
    ],
  );
});

test('are paged by the version of the grab, and every page but the last one names the next one', async () => {
  const { coupon, life } = await given('a', 'b', 'c', 'd', 'e');
  await life.release('c');

  const first = await list(coupon, { limit: 2 });
  const second = await list(coupon, { limit: 2, after: first.next ?? 0 });

  assert.equal([customersIn(first), first.next], [['a', 'b'], 3]);
  assert.equal([customersIn(second), second.next], [['d', 'e'], undefined]);
});

test('are found by the beginning of the name of their customer, byte by byte', async () => {
  const { coupon } = await given('bo', 'bob', 'Bob', 'bob_1', 'bobby', 'böb', 'cob', '券bo', 'bob');

  assert.equal(customersIn(await list(coupon, { q: 'bob' })), ['bob', 'bob_1', 'bobby', 'bob']);
  assert.equal(customersIn(await list(coupon, { q: 'bob_' })), ['bob_1']);
  assert.equal(customersIn(await list(coupon, { q: 'bob', after: 3, limit: 1 })), ['bob_1']);
  assert.equal(customersIn(await list(coupon, { q: '券' })), ['券bo']);
  assert.equal(customersIn(await list(coupon, { q: '%' })), []);
});

test('that MySQL does not have yet are not listed, and the answer says how far behind MySQL is', async () => {
  const { coupon, life } = await given('bob');
  await settled(system);
  const unlock = await lockCoupons(system, coupon.name);
  await life.grab('eve');
  await life.grab('kim');

  const page = await listHolders(system, coupon, { after: 0, limit: 100, q: '' });

  await unlock();
  assert.ok(page);
  assert.equal([page.version, page.behind, customersIn(page)], [2, 2, ['bob']]);
  const later = await list(coupon);
  assert.equal([later.version, later.behind, customersIn(later)], [4, 0, ['bob', 'eve', 'kim']]);
});

test('end before the first event that MySQL lacks, so that no piece is missed by a client that goes on after `version`', async () => {
  const { coupon } = await given('bob');
  await settled(system);
  // Another process has written version 4, and this one has not written version 3 yet.
  await system.mysql.raw(
    `INSERT INTO event_log (coupon_id, version, type, seller, name, occurred_at, data)
     SELECT coupon_id, 4, type, seller, name, occurred_at, data FROM event_log WHERE name = ? AND version = 2`,
    [Buffer.from(coupon.name)],
  );
  await system.mysql.raw(
    `INSERT INTO coupon_grabs (coupon_id, version, customer, grabbed_at)
     SELECT coupon_id, 4, 'eve', grabbed_at FROM coupon_grabs WHERE version = 2 AND coupon_id =
       (SELECT id FROM coupons WHERE name = ?)`,
    [Buffer.from(coupon.name)],
  );
  await system.redis.hset(keys.coupon(coupon), 'version', 4);

  const page = await list(coupon);

  assert.equal([page.version, page.behind, customersIn(page)], [2, 2, ['bob']]);
});

test('of a coupon that does not exist are undefined', async () => {
  assert.is(await listHolders(system, { seller: 'ann', name: 'none' }, { after: 0, limit: 1, q: '' }), undefined);
});

test('are read for a download page by page, to the last one', async () => {
  const { coupon } = await given('a', 'b', 'c');
  await settled(system);
  const log = await findCouponLog(system, coupon);
  assert.ok(log);

  const pages: string[][] = [];
  for await (const page of pagesOfHolders(system.reads, log, { after: 0, q: '' }, 2))
    pages.push(page.map(({ customer }) => customer));

  assert.equal(pages, [['a', 'b'], ['c']]);
});

test('of a coupon without grabs are one empty page of a download', async () => {
  const { coupon } = await given();
  await settled(system);
  const log = await findCouponLog(system, coupon);
  assert.ok(log);

  const pages: Holder[][] = [];
  for await (const page of pagesOfHolders(system.reads, log, { after: 0, q: '' })) pages.push(page);

  assert.equal(pages, [[]]);
});

test('are found by a name in a small part of the rows, whether few or many customers match', async () => {
  const coupon = { seller: 'ann', name: 'large' };
  const count = 100_000;
  await givenManyHolders(system, coupon, count, (version) => `customer${version}`);
  const log = await findCouponLog(system, coupon);
  assert.ok(log);
  const { mysql, close: closeMysql } = connectMysql(config.mysqlUrl, 1);

  for (const [q, found] of [
    [`customer${count}`, 1],
    ['customer9', 100],
    ['c', 100],
    ['', 100],
    ['x', 0],
  ] as const) {
    await mysql.raw('FLUSH STATUS');
    const rows = await selectHolders(mysql, log, { after: 0, q }, 100);
    const [counters] = await mysql.raw("SHOW SESSION STATUS LIKE 'Handler_read%'");
    const read = (counters as { Value: string }[]).reduce((sum, { Value }) => sum + Number(Value), 0);
    assert.is(rows.length, found);
    assert.ok(read < count / 4, `${q}: ${read} rows read`);
  }
  await closeMysql();
});

test.after(close);
test.run();
