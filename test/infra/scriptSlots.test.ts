import calculateSlot from 'cluster-key-slot';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { changeTerms } from '../../src/commands/changes/changeTerms.ts';
import { closeCoupon } from '../../src/commands/changes/closeCoupon.ts';
import { pauseCoupon } from '../../src/commands/changes/pauseCoupon.ts';
import { restockCoupon } from '../../src/commands/changes/restockCoupon.ts';
import { resumeCoupon } from '../../src/commands/changes/resumeCoupon.ts';
import { grabCoupon } from '../../src/commands/grabCoupon.ts';
import { redeemCode } from '../../src/commands/pieces/redeemCode.ts';
import { releaseGrab } from '../../src/commands/pieces/releaseGrab.ts';
import { undoRedemption } from '../../src/commands/pieces/undoRedemption.ts';
import { keys, partitionOf } from '../../src/infra/keys.ts';
import { moveToDeadLetters } from '../../src/infra/outbox.ts';
import { readScripts, runScript } from '../../src/infra/scripts.ts';
import { putBack } from '../../src/operators/deadLetters.ts';
import { splitEntry } from '../../src/projections/splitEntry.ts';
import { createBatch, createOne, eventually } from '../support/batches.ts';
import { couponRef, delivery, grabbed } from '../support/sampleEvents.ts';
import { customer, openTestSystem, seller, settled } from '../support/testSystem.ts';

// On a Redis Cluster, Redis refuses a script whose keys are in several slots.

const { system, close } = await openTestSystem();
const { redis } = system;
const test = suite('the keys of the scripts');
const scripts = readScripts();
const [ann, bob] = [seller('ann'), customer('bob')];

/** The slots of the keys of each call, by script, from now on. */
function recordSlots(): Map<string, Set<number>[]> {
  const slots = new Map(scripts.map(({ name }) => [name, [] as Set<number>[]]));
  const methods = redis as unknown as Record<string, (...args: string[]) => Promise<unknown>>;
  for (const { name, numberOfKeys } of scripts) {
    const send = methods[name]?.bind(redis);
    methods[name] = async (...args) => {
      // Without a fixed number, the number of keys comes first.
      const called = numberOfKeys === undefined ? args.slice(1, 1 + Number(args[0])) : args.slice(0, numberOfKeys);
      slots.get(name)?.push(new Set(called.map((key) => calculateSlot(key))));
      return send?.(...args);
    };
  }
  return slots;
}

/** Every command about coupons of several partitions, a list of them, and a rebuild of Redis. */
async function allCommands(): Promise<void> {
  const names = Array.from({ length: 20 }, (_, i) => `coupon ${i}`);
  await createOne(system, 'one');
  await createBatch(system, names);
  // A refused batch releases its names.
  await createBatch(system, ['free', 'one']);
  for (const name of names) {
    const coupon = { seller: 'ann', name };
    const { code } = (await grabCoupon(system, bob, { ...coupon, idempotencyKey: name })) as { code: string };
    await redeemCode(system, ann, { seller: 'ann', code });
    await undoRedemption(system, ann, { seller: 'ann', code });
    await releaseGrab(system, bob, { ...coupon, customer: 'bob', code });
    await restockCoupon(system, ann, { ...coupon, amount: 1 });
    await pauseCoupon(system, ann, coupon);
    await resumeCoupon(system, ann, coupon);
    await changeTerms(system, ann, { ...coupon, terms: { stock: 6 } });
    await closeCoupon(system, ann, coupon);
  }
  assert.is((await system.sellerPages.read('ann', 1)).length, 20);
  const partition = partitionOf({ seller: 'ann', name: 'one' });
  await moveToDeadLetters(
    redis,
    { partition, id: (await redis.xadd(keys.outbox(partition), '*', 'no', 'event')) ?? '' },
    'a test',
  );
  assert.is(await putBack(redis, { partition, id: '1-1' }, 1), 'gone');
  await system.sellerPages.readNamed('ann', names);
  const ofTwo = delivery(grabbed(couponRef('two'), 2, 'bob', 1), grabbed(couponRef('three'), 2, 'bob', 1));
  await splitEntry(redis, ofTwo);
  await runScript(redis, 'writeToReplicas', [keys.replicated('0')], []);
  await settled(system);
  await redis.flushall();
  await eventually(
    'Redis is rebuilt',
    async () => (await redis.exists(keys.coupon({ seller: 'ann', name: 'one' }))) === 1,
  );
}

test('all keys of every call of every script share one slot', async () => {
  const slots = recordSlots();

  await allCommands();

  for (const [name, calls] of slots) {
    assert.ok(calls.length > 0, `${name} was never called`);
    for (const call of calls) assert.is(call.size, 1, name);
  }
});

test.after(close);
test.run();
