import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { eventId } from '../../src/events.ts';
import { keys } from '../../src/infra/keys.ts';
import { outboxHolds } from '../../src/infra/outbox.ts';
import { openRedis } from '../../src/infra/stores/redis.ts';
import { createLog } from '../../src/infra/telemetry/log.ts';
import { couponRef, delivery, grabbed } from '../support/sampleEvents.ts';
import { openTestStores } from '../support/testStores.ts';

const { config, close } = await openTestStores();
const { redis, close: closeRedis } = await openRedis(config.redisUrl, createLog('silent'));
const test = suite('the search for an entry with a prerequisite');

const coupon = couponRef('sea');
/** A coupon with a name that looks like a field of an entry. */
const other = couponRef('CouponCreated');
/** A coupon with an event of a newer release. */
const tagged = couponRef('bay');
const namesOf = ({ id, seller, name }: typeof coupon) => ({ coupon: id, seller, name });
const grabsOf = (of: typeof coupon, version: number, customers: string[]) => ({
  ...{ type: 'CouponGrabbed', ...namesOf(of), version, at: 5, left: 9 },
  customers: JSON.stringify(customers),
});
const givenEntry = (id: number, fields: object) =>
  redis.xadd(keys.outbox(0), `${id}-0`, ...Object.entries(fields).flat());

test.before(async () => {
  const creation = {
    type: 'CouponCreated',
    ...namesOf(coupon),
    version: 1,
    at: 5,
    amount: 9,
    stock: 1,
    description: '',
  };
  // More entries than a page before the grabs, and one after the delivery.
  for (let id = 1; id <= 1_200; id++) await givenEntry(id, grabsOf(other, id + 1, ['tom']));
  await givenEntry(2_000, creation);
  await givenEntry(2_001, grabsOf(coupon, 2, ['bob', 'eve', 'zoe']));
  await givenEntry(2_002, grabsOf(coupon, 5, ['kim']));
  await givenEntry(2_003, grabsOf(coupon, 6, ['tom']));
  await givenEntry(2_004, { type: 'CouponTagged', ...namesOf(tagged), version: 1, at: 5, tag: 'x' });
});

const cases: [what: string, ids: string[], found: boolean][] = [
  ['the creation', [eventId(coupon.id, 1)], true],
  ['the first grab of an entry', [eventId(coupon.id, 2)], true],
  ['the last grab of an entry', [eventId(coupon.id, 4)], true],
  ['one of two events', [eventId(coupon.id, 5), eventId(coupon.id, 4)], true],
  ['an event of its own entry', [eventId(coupon.id, 5)], false],
  ['a version that no entry has', [eventId(coupon.id, 7)], false],
  ['an event in a later entry', [eventId(coupon.id, 6)], true],
  ['an event of another coupon', [eventId(other.id, 2)], false],
  ['no event', [], false],
];
for (const [what, ids, found] of cases) {
  test(`${what} is ${found ? 'found' : 'not found'}`, async () => {
    const late = { ...delivery(grabbed(coupon, 5, 'kim', 0)), entry: { partition: 0, id: '2002-0' } };

    assert.is(await outboxHolds(redis, late, new Set(ids)), found);
  });
}

test('an entry of a newer release may hold any event of its coupon', async () => {
  const late = { ...delivery(grabbed(tagged, 5, 'kim', 0)), entry: { partition: 0, id: '2005-0' } };

  assert.is(await outboxHolds(redis, late, new Set([eventId(tagged.id, 2)])), true);
});

test.after(async () => {
  await closeRedis();
  await close();
});
test.run();
