import { v7 as uuidv7 } from 'uuid';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type SaleStatus, statusOf } from '../../../src/coupon/state.ts';
import { keys } from '../../../src/infra/keys.ts';
import { connectMysql } from '../../../src/infra/stores/mysql.ts';
import { hex, hexId, insertRows, type RunSql } from '../../../src/projections/log/sql.ts';
import { listCoupons } from '../../../src/queries/listCoupons.ts';
import { type CouponSearch, findNames } from '../../../src/queries/sellers/searchCoupons.ts';
import type { SellerCoupon } from '../../../src/queries/sellers/sellerCoupon.ts';
import { lifeOf } from '../../support/couponLife.ts';
import { lockCoupons } from '../../support/outages.ts';
import { customer, openTestSystem, seller, settled } from '../../support/testSystem.ts';

const { system, config, close } = await openTestSystem();
const test = suite("the search of a seller's coupons");

const past = 1_700_000_000_000_000;
const future = 4_000_000_000_000_000;

/** Given coupons of a seller, created in this order. */
async function given(of: string, coupons: Record<string, Parameters<ReturnType<typeof lifeOf>['create']>[1]>) {
  await system.redis.set(keys.userView(of), 'seller');
  for (const [name, limits] of Object.entries(coupons)) await lifeOf(system, { seller: of, name }).create(2, limits);
  await settled(system);
}

async function search(of: string, { sort = 'oldest', ...filter }: Partial<CouponSearch>, page = 1) {
  const list = await listCoupons(system, customer('bob'), { username: of, page, search: { sort, ...filter } });
  if (typeof list === 'string') throw new Error(list);
  return list.map(({ name }) => name);
}

test('sorts by age and by name, byte by byte', async () => {
  await given('ann', { b: {}, é: {}, B: {}, 券: {}, a: {} });

  assert.equal(await search('ann', { sort: 'oldest' }), ['b', 'é', 'B', '券', 'a']);
  assert.equal(await search('ann', { sort: 'newest' }), ['a', '券', 'B', 'é', 'b']);
  assert.equal(await search('ann', { sort: 'name' }), ['B', 'a', 'b', 'é', '券']);
});

test('finds names by their beginning, byte by byte', async () => {
  await given('bea', { spring: {}, Spring: {}, sprung: {}, autumn: {}, 'a_b%': {}, axb: {} });

  assert.equal(await search('bea', { q: 'spr' }), ['spring', 'sprung']);
  assert.equal(await search('bea', { q: 'a_' }), ['a_b%']);
  assert.equal(await search('bea', { q: '%' }), []);
  assert.equal(await search('bea', { q: 'sprung' }), ['sprung']);
});

test('with the order `ending`, has the coupons that end first, and after them the others, oldest first', async () => {
  const ends = (endsAt: number) => ({ endsAt: future + endsAt });
  await given('cid', { open: {}, third: ends(3), ended: { endsAt: past }, first: ends(1), second: ends(2) });

  assert.equal(await search('cid', { sort: 'ending' }), ['first', 'second', 'third', 'open', 'ended']);
});

test('has 20 coupons a page, in every order', async () => {
  const coupons = Array.from({ length: 50 }, (_, place) => [
    `coupon ${String(place).padStart(2, '0')}`,
    place % 2 === 0 ? {} : { endsAt: future - place },
  ]);
  await given('dan', Object.fromEntries(coupons));

  for (const sort of ['oldest', 'newest', 'name', 'ending'] as const) {
    const pages = await Promise.all([1, 2, 3, 4].map((page) => search('dan', { sort }, page)));

    assert.equal(
      pages.map((page) => page.length),
      [20, 20, 10, 0],
    );
    assert.is(new Set(pages.flat()).size, 50);
    if (sort !== 'ending') continue;
    const names = coupons.map(([name]) => name as string);
    const isEven = (name: string) => names.indexOf(name) % 2 === 0;
    assert.equal(pages.flat(), [...names.filter((name) => !isEven(name)).reverse(), ...names.filter(isEven)]);
  }
});

test('finds the coupons of each status, as the rule of the sale has it', async () => {
  const windows = [{}, { startsAt: past }, { startsAt: future }, { endsAt: past }, { startsAt: past, endsAt: future }];
  const lives = ['open', 'sold', 'paused', 'closed'].flatMap((phase) =>
    windows.map((window, place) => ({ phase, window, name: `${phase} ${place}` })),
  );
  await given('eli', Object.fromEntries(lives.map(({ name, window }) => [name, window])));
  for (const { phase, name } of lives) {
    const life = lifeOf(system, { seller: 'eli', name });
    if (phase === 'paused') await life.pause();
    if (phase === 'closed') await life.close();
  }
  await settled(system);
  // A coupon that has not started has no grab: the pieces are taken in both stores directly.
  for (const { phase, name } of lives) {
    if (phase !== 'sold') continue;
    await system.redis.hset(keys.coupon({ seller: 'eli', name }), 'left', 0);
    await system.mysql('coupons').where({ seller: 'eli', name }).update({ pieces_left: 0 });
  }
  const now = Date.now() * 1_000;
  const expected = (status: SaleStatus) =>
    lives
      .filter(({ phase, window }) => {
        const left = phase === 'sold' ? 0 : 2;
        const of = phase === 'paused' || phase === 'closed' ? phase : 'open';
        return statusOf({ phase: of, left, startsAt: undefined, endsAt: undefined, ...window }, now) === status;
      })
      .map(({ name }) => name);

  for (const status of ['scheduled', 'on-sale', 'paused', 'sold-out', 'closed', 'ended'] as const) {
    assert.ok(expected(status).length > 0);
    assert.equal(await search('eli', { status }), expected(status), status);
  }
});

test('combines status, beginning of the name and order', async () => {
  await given('fay', { a1: {}, a2: {}, b1: {}, a3: {} });
  await lifeOf(system, { seller: 'fay', name: 'a2' }).close();
  await settled(system);

  assert.equal(await search('fay', { status: 'on-sale', q: 'a', sort: 'newest' }), ['a3', 'a1']);
});

test('shows what is left at this moment, also when MySQL is behind', async () => {
  await given('gil', { spring: {} });
  const unlock = await lockCoupons(system, 'spring');
  await lifeOf(system, { seller: 'gil', name: 'spring' }).grab('bob');
  await lifeOf(system, { seller: 'gil', name: 'spring' }).grab('eve');

  const list = await listCoupons(system, seller('gil'), {
    username: 'gil',
    page: 1,
    search: { sort: 'oldest', status: 'on-sale' },
  });

  await unlock();
  const [coupon] = list as SellerCoupon[];
  assert.equal([coupon?.name, coupon?.left, coupon?.status], ['spring', 0, 'sold-out']);
});

test('of the own list of a customer is refused', async () => {
  const list = await listCoupons(system, customer('bob'), { username: 'bob', page: 1, search: { sort: 'name' } });
  assert.is(list, 'not-a-sellers-list');
});

test('reads a small part of 100,000 coupons for a page that an index serves', async () => {
  const count = 100_000;
  const number = (place: number) => String(place).padStart(6, '0');
  const rows = Array.from({ length: count }, (_, place) => {
    const times = `${past + place},${place % 3 === 0 ? 'NULL' : place % 3 === 1 ? past + place : future - place}`;
    const starts = place % 1_000 === 3 ? future : 'NULL';
    const phase = place % 2_000 === 1 ? 'paused' : place % 2 === 0 ? 'closed' : 'open';
    const texts = `${hex('hal')},${hex(`coupon ${number(place)}`)},1,1,''`;
    return `(${hexId(uuidv7())},${texts},1,1,${times},${starts},'${phase}')`;
  });
  const columns = 'id,seller,name,amount,stock,description,pieces_left,version,created_at,ends_at,starts_at,phase';
  // A connection that is opened now: MySQL closes one that has written the log after some seconds of silence, as the rows may take.
  const { mysql, close: closeMysql } = connectMysql(config.mysqlUrl, 1);
  const run: RunSql = async (statement) => (await mysql.raw(statement))[0];
  await insertRows(run, 'coupons', columns, rows);
  await run('ANALYZE TABLE coupons');
  const searches: [search: CouponSearch, page: number][] = [
    [{ sort: 'oldest', status: 'closed' }, 1],
    [{ sort: 'newest', status: 'on-sale' }, 5],
    [{ sort: 'newest', q: 'coupon 0500' }, 1],
    [{ sort: 'name', q: 'coupon 05' }, 2],
    [{ sort: 'name', status: 'ended' }, 1],
    [{ sort: 'ending' }, 1],
    [{ sort: 'ending', status: 'on-sale' }, 2],
    [{ sort: 'oldest', status: 'scheduled' }, 1],
    [{ sort: 'oldest', status: 'paused' }, 1],
  ];
  for (const [wanted, page] of searches) {
    await mysql.raw('FLUSH STATUS');
    const names = await findNames(mysql, 'hal', wanted, Date.now() * 1_000, page);
    const [counters] = await mysql.raw("SHOW SESSION STATUS LIKE 'Handler_read%'");
    const read = (counters as { Value: string }[]).reduce((sum, { Value }) => sum + Number(Value), 0);
    assert.is(names.length, 20);
    assert.ok(read < 1_000, `${JSON.stringify(wanted)} reads ${read} rows`);
  }
  await closeMysql();
});

test.after(close);
test.run();
