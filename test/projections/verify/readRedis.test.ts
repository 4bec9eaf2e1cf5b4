import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { keys, partitionOf } from '../../../src/infra/keys.ts';
import { openRedis } from '../../../src/infra/stores/redis.ts';
import { createLog } from '../../../src/infra/telemetry/log.ts';
import { readOutboxVersions } from '../../../src/projections/verify/readRedis.ts';
import { couponRef } from '../../support/sampleEvents.ts';
import { openTestStores } from '../../support/testStores.ts';

const { config, close } = await openTestStores();
const { redis, close: closeRedis } = await openRedis(config.redisUrl, createLog('silent'));
const test = suite('the events in the outbox');

test('an entry of several coupons counts for each of them, and entries may be in any order', async () => {
  const [sea, hut] = [couponRef('sea'), couponRef('hut')];
  // One entry of both coupons, and an entry with earlier versions behind it, as after a split.
  const partition = partitionOf(sea);
  const both = {
    ...{ type: 'CouponGrabbed', at: 5, coupons: JSON.stringify(['ann/sea', 'ann/hut']) },
    ...{ states: `${sea.id} 3 8,${hut.id} 8 2`, wins: '2,1', customers: JSON.stringify(['bob', 'eve', 'zoe']) },
  };
  const { id, seller, name } = sea;
  const earlier = { type: 'CouponPaused', coupon: id, seller, name, version: 3, at: 4, left: 8 };
  for (const fields of [both, earlier]) await redis.xadd(keys.outbox(partition), '*', ...Object.entries(fields).flat());

  const inOutbox = await readOutboxVersions(redis, [sea]);

  assert.equal(Object.fromEntries(inOutbox), {
    [sea.id]: {
      versions: [
        { from: 4, to: 5 },
        { from: 3, to: 3 },
      ],
      hasChanges: true,
    },
    [hut.id]: { versions: [{ from: 9, to: 9 }], hasChanges: false },
  });
});

test.after(async () => {
  await closeRedis();
  await close();
});
test.run();
