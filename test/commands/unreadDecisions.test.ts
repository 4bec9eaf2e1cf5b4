import { rejects } from 'node:assert/strict';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { changeTerms } from '../../src/commands/changes/changeTerms.ts';
import { restockCoupon } from '../../src/commands/changes/restockCoupon.ts';
import { createCoupon } from '../../src/commands/createCoupon.ts';
import { grabCoupon } from '../../src/commands/grabCoupon.ts';
import { createGrabLine } from '../../src/commands/grabLine.ts';
import { redeemCode } from '../../src/commands/pieces/redeemCode.ts';
import { releaseGrab } from '../../src/commands/pieces/releaseGrab.ts';
import { undoRedemption } from '../../src/commands/pieces/undoRedemption.ts';
import { createBus } from '../../src/infra/bus.ts';
import { type CouponName, keys, partitionOf } from '../../src/infra/keys.ts';
import { allEvents } from '../../src/infra/outbox.ts';
import type { System } from '../../src/system.ts';
import { publishedDuring } from '../support/givenWhenThen.ts';
import { customer, givenCoupon, openTestSystem, seller, settled } from '../support/testSystem.ts';

// A process that answers because of a decision whose reply was lost has the decision in memory before it answers: even if Redis loses
// its data then, MySQL gets what was answered.

const { system, close } = await openTestSystem();
const test = suite('a decision whose reply was lost');
const [ann, bob] = [seller('ann'), customer('bob')];
let coupon: CouponName;
let count = 0;

/** A process that does nothing with its own decisions, as if their replies were lost. */
const bus = createBus();
const unread: System = { ...system, bus, grabLine: createGrabLine({ ...system, bus }) };

test.before.each(async () => {
  coupon = { seller: 'ann', name: `c ${++count}` };
  await givenCoupon(system, 'ann', coupon.name, 5);
  await settled(system);
});

/** Given a piece of bob, which was answered and is in MySQL. */
async function givenPiece(): Promise<string> {
  const won = await grabCoupon(system, bob, coupon);
  await settled(system);
  return won.outcome === 'grabbed' ? won.code : '';
}

/** When a command is handled: the types of the events that this process has in memory after it. */
async function inMemoryAfter(work: () => Promise<unknown>): Promise<string[]> {
  const deliveries = await publishedDuring(system, work);
  return deliveries.flatMap((delivery) => allEvents(delivery).map(({ type }) => type));
}

type Command = (deps: System, code: string) => Promise<unknown>;
const keyed = () => ({ ...coupon, idempotencyKey: `k ${count}` });
const commands: [type: string, expected: unknown, command: Command, givenRedeemed?: true][] = [
  ['CouponGrabbed', 'grabbed', async (deps) => (await grabCoupon(deps, customer('eve'), keyed())).outcome],
  ['GrabReleased', 'released', (deps) => releaseGrab(deps, bob, { ...keyed(), customer: 'bob' })],
  ['CouponRestocked', 'changed', (deps) => restockCoupon(deps, ann, { ...keyed(), amount: 2 })],
  ['TermsChanged', 'changed', (deps) => changeTerms(deps, ann, { ...keyed(), terms: { stock: 7 } })],
  ['CouponRedeemed', 'redeemed', async (deps, code) => (await redeemCode(deps, ann, { ...keyed(), code })).result],
  [
    'RedemptionUndone',
    'undone',
    async (deps, code) => (await undoRedemption(deps, ann, { ...keyed(), code })).result,
    true,
  ],
  [
    'CouponCreated',
    'created',
    (deps) => createCoupon(deps, ann, { ...keyed(), name: `new ${count}`, amount: 5, stock: 5, description: '' }),
  ],
];
for (const [type, expected, command, givenRedeemed] of commands) {
  test(`${type}: a retry with the same key publishes the event before it is answered`, async () => {
    const code = await givenPiece();
    if (givenRedeemed) await redeemCode(system, ann, { seller: 'ann', code });
    await settled(system);
    assert.is(await command(unread, code), expected);

    let answer: unknown;
    const inMemory = await inMemoryAfter(async () => {
      answer = await command(system, code);
    });

    assert.is(answer, expected);
    assert.equal(inMemory, [type]);
  });

  test(`${type}: a retry publishes nothing when MySQL has the event`, async () => {
    const code = await givenPiece();
    if (givenRedeemed) await redeemCode(system, ann, { seller: 'ann', code });
    await command(system, code);
    await settled(system);

    assert.equal(await inMemoryAfter(() => command(system, code)), []);
  });
}

test('the grab of a piece is published before its release is decided', async () => {
  await grabCoupon(unread, bob, coupon);

  const inMemory = await inMemoryAfter(() => releaseGrab(system, bob, { ...coupon, customer: 'bob' }));

  assert.equal(inMemory, ['CouponGrabbed', 'GrabReleased']);
});

test('grabs carry the creation of their coupon until MySQL has it', async () => {
  const created = { seller: 'ann', name: 'unread' };
  await createCoupon(unread, ann, { ...created, amount: 5, stock: 5, description: '' });

  assert.equal(await inMemoryAfter(() => grabCoupon(system, bob, created)), ['CouponCreated', 'CouponGrabbed']);

  await settled(system);
  assert.equal(await inMemoryAfter(() => grabCoupon(system, customer('eve'), created)), ['CouponGrabbed']);
});

test('a retry is unavailable when the outbox is too long to be searched', async () => {
  const partition = partitionOf(coupon);
  await grabCoupon(unread, bob, { ...coupon, idempotencyKey: 'k' });
  // Given 5,000 younger entries.
  const pipeline = system.redis.pipeline();
  for (let i = 0; i < 5_000; i++) pipeline.xadd(keys.outbox(partition), '*', 'seller', 'ann', 'name', 'another');
  await pipeline.exec();

  await rejects(() => grabCoupon(system, bob, { ...coupon, idempotencyKey: 'k' }), /still being recorded/);
});

test.after(close);
test.run();
