import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { keys, partitionOf } from '../../../src/infra/keys.ts';
import { createCouponReads } from '../../../src/queries/sellers/couponReads.ts';
import { sellerCouponFields } from '../../../src/queries/sellers/sellerCoupon.ts';
import { lifeOf } from '../../support/couponLife.ts';
import { interceptRedis } from '../../support/interceptRedis.ts';
import { openTestSystem } from '../../support/testSystem.ts';

const { system, close } = await openTestSystem();
const test = suite('the reads of coupons');

const wanted = (name: string, version = '') => {
  const coupon = { seller: 'ann', name };
  return { key: keys.coupon(coupon), partition: partitionOf(coupon), version };
};
const names = Array.from({ length: 40 }, (_, place) => `coupon ${place}`);
for (const name of names) await lifeOf(system, { seller: 'ann', name }).create(2);

/** Reads that count their script calls. */
function givenReads() {
  const calls: number[] = [];
  const redis = interceptRedis(system.redis, ({ name, args }, send) => {
    if (name === 'readCoupons') calls.push(Number(args[0]));
    return send();
  });
  return { read: createCouponReads(redis), calls };
}

test('have the values of the fields in the order of sellerCouponFields, and the time of Redis', async () => {
  const life = lifeOf(system, { seller: 'ann', name: 'all' });
  await life.create(7, { startsAt: 11, endsAt: 4e15, validFrom: 12, validUntil: 5e15, perCustomer: 3 });
  await life.pause();

  const [coupon] = await givenReads().read([wanted('all')]);

  const values = coupon?.values as string[];
  const fields = Object.fromEntries(sellerCouponFields.map((field, place) => [field, values[place]]));
  assert.equal(fields, await system.redis.hgetall(wanted('all').key).then(({ id, seller, name, ...others }) => others));
  const [seconds] = await system.redis.time();
  assert.ok(Math.abs((coupon?.now ?? 0) / 1_000_000 - Number(seconds)) < 60);
});

test('leave out what the caller knows, and find no coupon that does not exist', async () => {
  const read = await givenReads().read([
    wanted('coupon 0', '1'),
    wanted('none'),
    wanted('none', '1'),
    wanted('coupon 1', '9'),
  ]);

  const found = read.map(({ values }) => (Array.isArray(values) ? 'values' : values));
  assert.equal(found, ['unchanged', undefined, undefined, 'values']);
});

test('are one script call a partition for all callers of one turn', async () => {
  const { read, calls } = givenReads();

  const lists = await Promise.all(names.map((name) => read([wanted(name), wanted('coupon 0')])));

  const partitions = new Set(names.map((name) => wanted(name).partition));
  assert.is(calls.length, partitions.size);
  assert.is(
    calls.reduce((sum, keysOfCall) => sum + keysOfCall),
    2 * names.length,
  );
  for (const list of lists) assert.ok(list.every(({ values }) => Array.isArray(values)));
});

test('have at most 256 keys a call', async () => {
  const { read, calls } = givenReads();

  const found = await read(Array.from({ length: 600 }, () => wanted('coupon 0')));

  assert.equal(calls, [256, 256, 88]);
  assert.is(found.filter(({ values }) => Array.isArray(values)).length, 600);
});

test('a coupon that cannot be read fails the lists that have it, and no other', async () => {
  const { read } = givenReads();
  const broken = { ...wanted('coupon 0'), key: wanted('coupon 0').key.replace('coupon 0', 'broken') };
  await system.redis.set(broken.key, 'no hash');

  const [bad, good] = await Promise.allSettled([read([wanted('coupon 0'), broken]), read([wanted('coupon 0')])]);

  assert.match(bad.status === 'rejected' ? bad.reason.message : '', /broken: WRONGTYPE/);
  assert.is(good.status, 'fulfilled');
});

test('no coupons are no call', async () => {
  const { read, calls } = givenReads();

  assert.equal(await read([]), []);
  assert.equal(calls, []);
});

test.after(close);
test.run();
