import { setTimeout as sleep } from 'node:timers/promises';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { keys } from '../../../src/infra/keys.ts';
import { connectOnce } from '../../../src/infra/stores/mysql.ts';
import { createLog } from '../../../src/infra/telemetry/log.ts';
import { verifyAll, verifyOne } from '../../../src/projections/verify/verifyStores.ts';
import { openSystem } from '../../../src/system.ts';
import { createDataDir } from '../../support/dataDirs.ts';
import { openLossyProxy } from '../../support/lossyProxy.ts';
import { openTransaction } from '../../support/outages.ts';
import { endPrograms, startProgram } from '../../support/program.ts';
import { customer, givenCoupon, grabOutcome, openTestSystem, settled } from '../../support/testSystem.ts';

const { system, config, close } = await openTestSystem();
const { redis, mysql } = system;
const { connection, close: closeConnection } = await connectOnce(config.mysqlUrl);
const test = suite('npm run verify');

const grab = (who: string, name: string) => grabOutcome(system, customer(who), { seller: 'ann', name });
const verify = () => verifyAll({ redis, connection, signal: new AbortController().signal, onProgress: () => {} });
const program = (...args: string[]) =>
  startProgram('src/tools/verify.ts', { REDIS_URL: config.redisUrl, MYSQL_URL: config.mysqlUrl }, args).ended;

test.before(async () => {
  for (const [name, amount] of [
    ['sea', 5],
    ['mountain', 3],
    ['unsold', 2],
  ] as const)
    await givenCoupon(system, 'ann', name, amount);
  for (const who of ['bob', 'eve', 'zoe']) for (const name of ['sea', 'mountain']) await grab(who, name);
  await settled(system);
});

test('given stores that agree, verify counts the same on every side, and the exit status is 0', async () => {
  const { log, mysql: tables, redis: inRedis, ...report } = await verify();
  const totals = { coupons: 3, pieces: 10, left: 4, held: 6, released: 0, redeemed: 0, events: 9 };
  assert.equal([log, tables, inRedis], [totals, totals, totals]);
  assert.equal(report, { onTheirWay: 0, gaps: 0, sales: 6, views: 9, deadLetters: 0, wrong: 0, mismatches: [] });
  const { status, stdout, stderr } = await program();
  assert.is(status, 0, stderr);
  assert.match(stdout, /^all agree$/m);
});

test('--coupon verifies one coupon, and --json prints the report as JSON', async () => {
  const { status, stdout } = await program('--coupon', 'ann/sea', '--json');
  assert.is(status, 0);
  const totals = { coupons: 1, pieces: 5, left: 2, held: 3, released: 0, redeemed: 0, events: 4 };
  assert.equal(JSON.parse(stdout).log, totals);
  assert.is((await program('--coupon', 'sea')).status, 2);
  assert.match((await program('--coupon', 'ann/none')).stderr, /neither MySQL nor Redis has ann\/none/);
});

const sea = { key: keys.coupon({ seller: 'ann', name: 'sea' }), holders: keys.holders({ seller: 'ann', name: 'sea' }) };
const where = "coupon_id = (SELECT id FROM coupons WHERE name = 'sea')";
const damages: [what: string, damage: () => Promise<unknown>, mend: () => Promise<unknown>, says: RegExp][] = [
  [
    'left in Redis',
    () => redis.hset(sea.key, 'left', 1),
    () => redis.hset(sea.key, 'left', 2),
    /Redis at version 4 has left 1, the log 2/,
  ],
  [
    'a version behind',
    () => redis.hset(sea.key, 'version', 3, 'left', 3),
    () => redis.hset(sea.key, 'version', 4, 'left', 2),
    /Redis is at version 3, the log at 4/,
  ],
  [
    'a version without an event',
    () => redis.hset(sea.key, 'version', 6, 'left', 0),
    () => redis.hset(sea.key, 'version', 4, 'left', 2),
    /versions 5 to 6 are neither in the log nor in the outbox/,
  ],
  [
    'a holder too many',
    () => redis.hset(sea.holders, 'tom', 9),
    () => redis.hdel(sea.holders, 'tom'),
    /Redis has 4 holders at version 4, with 2 left of 5 pieces/,
  ],
  [
    'another holder',
    () => redis.rename(sea.holders, 'x').then(() => redis.hset(sea.holders, 'bob', 2, 'eve', 3, 'tom', 4)),
    () => redis.rename('x', sea.holders),
    /Redis lacks the piece of zoe of version 4/,
  ],
  [
    'a holder with another version',
    () => redis.hget(sea.holders, 'bob').then((value) => redis.hset(sea.holders, 'bob', `7${value?.slice(1)}`)),
    () => redis.hget(sea.holders, 'bob').then((value) => redis.hset(sea.holders, 'bob', `2${value?.slice(1)}`)),
    /Redis lacks the piece of bob of version 2/,
  ],
  [
    'a coupon lost in Redis',
    () => redis.rename(keys.coupon({ seller: 'ann', name: 'unsold' }), 'x'),
    () => redis.rename('x', keys.coupon({ seller: 'ann', name: 'unsold' })),
    /ann\/unsold: Redis lacks the coupon/,
  ],
  [
    'a coupon that is in Redis alone',
    () =>
      redis.hset(
        keys.coupon({ seller: 'ann', name: 'ghost' }),
        'id',
        '0193f5a1-7c00-7000-8000-000000000001',
        'version',
        1,
      ),
    () => redis.del(keys.coupon({ seller: 'ann', name: 'ghost' })),
    /ann\/ghost: Redis has the coupon, the log does not/,
  ],
  [
    'pieces_left in MySQL',
    () => mysql('coupons').where({ name: 'sea' }).update({ pieces_left: 0 }),
    () => mysql('coupons').where({ name: 'sea' }).update({ pieces_left: 2 }),
    /MySQL has left 0, the log 2/,
  ],
  [
    'a lost row',
    () =>
      mysql
        .raw(`CREATE TABLE kept AS SELECT * FROM coupon_grabs WHERE ${where} AND version = 3`)
        .then(() => mysql.raw(`DELETE FROM coupon_grabs WHERE ${where} AND version = 3`)),
    () => mysql.raw('INSERT INTO coupon_grabs SELECT * FROM kept'),
    /coupon_grabs lacks version 3/,
  ],
  [
    'a row too many',
    () =>
      mysql.raw(
        "INSERT INTO coupon_grabs (coupon_id, version, customer, grabbed_at) SELECT id, 9, 'tom', 1 FROM coupons WHERE name = 'sea'",
      ),
    () => mysql('coupon_grabs').where({ version: 9 }).delete(),
    /coupon_grabs has 1 rows that are not in the log/,
  ],
  [
    'sales',
    () => mysql('sales_per_minute').where({ name: 'sea' }).increment('grabs', 1),
    () => mysql('sales_per_minute').where({ name: 'sea' }).decrement('grabs', 1),
    /sales_per_minute counts 4 grabs, the log has 3/,
  ],
  [
    'a lost entry of a list',
    () => redis.rename(keys.customerView('zoe'), 'x'),
    () => redis.rename('x', keys.customerView('zoe')),
    /version 4 is not in seckill:view:customer:zoe/,
  ],
  [
    'an entry too many',
    () => redis.zadd(keys.customerView('zoe'), 1, 'ann/unsold'),
    () => redis.zrem(keys.customerView('zoe'), 'ann/unsold'),
    /ann\/unsold: in the view of zoe, who does not hold this piece/,
  ],
  [
    'a list of another seller',
    () => redis.zadd(keys.sellerView('tom'), 1, 'sea'),
    () => redis.del(keys.sellerView('tom')),
    /tom\/sea: in the view of tom, but Redis lacks the coupon/,
  ],
];
for (const [what, damage, mend, says] of damages) {
  test(`verify finds ${what}, and finds nothing after it is mended`, async () => {
    await damage();
    const { mismatches } = await verify();
    await mend();
    assert.match(mismatches.join('\n'), says);
    assert.equal((await verify()).mismatches, []);
  });
}

for (const [store, command] of [
  ['Redis', 'zscore'],
  ['MySQL', 'LEFT JOIN coupon_grabs'],
] as const) {
  test(`a connection to ${store} that is cut gives one plain line and exit status 1`, async () => {
    const urls = { Redis: new URL(config.redisUrl), MySQL: new URL(config.mysqlUrl) };
    const socket =
      store === 'Redis' ? decodeURIComponent(urls.Redis.pathname) : urls.MySQL.searchParams.get('socketPath');
    const proxy = await openLossyProxy(String(socket), createDataDir());
    if (store === 'Redis') urls.Redis.pathname = proxy.socket;
    else urls.MySQL.searchParams.set('socketPath', proxy.socket);
    proxy.loseReply(command);
    const cut = startProgram('src/tools/verify.ts', { REDIS_URL: urls.Redis.href, MYSQL_URL: urls.MySQL.href });
    const { status, stdout, stderr } = await cut.ended;
    await proxy.close();
    assert.equal([status, stdout], [1, '']);
    const [named, line, ...more] = stderr.trim().split('\n');
    assert.match(String(named), /^MySQL: /);
    assert.match(
      String(line),
      new RegExp(`the connection to ${store} was lost: nothing is known, run the command again$`),
    );
    assert.equal(more, []);
  });
}

test('a mismatch is printed, and the exit status is 1', async () => {
  await redis.hset(sea.key, 'left', 1);
  const { status, stdout } = await program();
  await redis.hset(sea.key, 'left', 2);
  assert.is(status, 1);
  assert.match(stdout, /^WRONG: ann\/sea: Redis has 3 holders at version 4, with 1 left of 5 pieces$/m);
});

test('given events that wait in the outbox while MySQL is blocked, verify reports no mismatch', async () => {
  const lock = await openTransaction(mysql);
  await lock('coupons').where({ name: 'sea' }).forUpdate();
  await grab('kim', 'sea');
  await grab('lou', 'sea');
  const report = await verify();
  const one = await verifyOne({ redis, connection }, 'ann/sea');
  await lock.rollback();
  await settled(system);
  assert.equal([report.mismatches, report.onTheirWay, one?.onTheirWay], [[], 2, 2]);
  assert.is((await verify()).onTheirWay, 0);
});

test('verify reports no mismatch while two processes sell as fast as they can', async () => {
  const other = await openSystem(config, createLog('silent'));
  for (let i = 0; i < 8; i++) await givenCoupon(system, 'ann', `busy ${i}`, 100_000);
  let selling = true;
  let sold = 0;
  const sell = async (of: typeof system, who: number) => {
    for (let i = 0; selling; i++) {
      const coupon = { seller: 'ann', name: `busy ${i % 8}` };
      await grabOutcome(of, customer(`crowd ${who} ${i}`), coupon).then(
        () => sold++,
        // A 503 of an overloaded process has an unknown outcome, and does not matter here.
        () => sleep(10),
      );
    }
  };
  const sales = Array.from({ length: 16 }, (_, who) => sell(who % 2 ? other.system : system, who));
  const alarms: string[] = [];
  for (let round = 0; round < 15; round++) alarms.push(...(await verify()).mismatches);
  selling = false;
  await Promise.all(sales);
  await settled(system);
  alarms.push(...(await verify()).mismatches);
  await other.close();
  assert.equal(alarms, []);
  assert.ok(sold > 100);
});

test.after(async () => {
  await endPrograms();
  await closeConnection();
  await close();
});
test.run();
