import { setTimeout as sleep } from 'node:timers/promises';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { changeTerms } from '../../src/commands/changes/changeTerms.ts';
import { closeCoupon } from '../../src/commands/changes/closeCoupon.ts';
import { pauseCoupon } from '../../src/commands/changes/pauseCoupon.ts';
import { restockCoupon } from '../../src/commands/changes/restockCoupon.ts';
import { resumeCoupon } from '../../src/commands/changes/resumeCoupon.ts';
import { createCoupon } from '../../src/commands/createCoupon.ts';
import { grabCoupon } from '../../src/commands/grabCoupon.ts';
import { releaseGrab } from '../../src/commands/pieces/releaseGrab.ts';
import { createLog } from '../../src/infra/telemetry/log.ts';
import { openSystem, type System } from '../../src/system.ts';
import {
  customer,
  givenCoupon,
  grabOutcome,
  loggedEvents,
  openTestSystem,
  seller,
  settled,
} from '../support/testSystem.ts';

// Changes while a sale runs, and how other processes see them.

const { system, config, close } = await openTestSystem();
const { system: other, close: closeOther } = await openSystem(config, createLog('silent'));
const ann = seller('ann');
const ofAnn = (name: string) => ({ seller: 'ann', name });
const grab = (on: System, by: string, name: string) => grabOutcome(on, customer(by), ofAnn(name));
const given = (name: string, amount: number) => givenCoupon(system, 'ann', name, amount);
/** Longer than any process repeats a refusal from its memory. */
const forgotten = () => sleep(1_000);

const test = suite('changes of a coupon');

// Each makes a refusal untrue: what the customer got before it, and what the change is. The next one joins with a line.
const endings: [
  what: string,
  before: (name: string) => Promise<unknown>,
  refusal: string,
  change: (name: string) => Promise<unknown>,
][] = [
  [
    'a restock',
    (name) => grab(system, 'first', name),
    'sold-out',
    (name) => restockCoupon(system, ann, { ...ofAnn(name), amount: 1 }),
  ],
  [
    'a piece that was given back',
    (name) => grab(system, 'first', name),
    'sold-out',
    (name) => releaseGrab(system, customer('first'), { ...ofAnn(name), customer: 'first' }),
  ],
  [
    'a resume',
    (name) => pauseCoupon(system, ann, ofAnn(name)),
    'paused',
    (name) => resumeCoupon(system, ann, ofAnn(name)),
  ],
  [
    'a later end',
    (name) => changeTerms(system, ann, { ...ofAnn(name), terms: { endsAt: 1 } }),
    'ended',
    (name) => changeTerms(system, ann, { ...ofAnn(name), terms: { endsAt: null } }),
  ],
  [
    'an earlier start',
    (name) => changeTerms(system, ann, { ...ofAnn(name), terms: { startsAt: 9e15 } }),
    'not-started',
    (name) => changeTerms(system, ann, { ...ofAnn(name), terms: { startsAt: 1 } }),
  ],
];
for (const [what, before, refusal, change] of endings) {
  test(`after ${what} the coupon sells at once in the process that decided it`, async () => {
    await given(what, 1);
    await before(what);
    assert.is(await grab(system, 'bob', what), refusal);

    await change(what);

    assert.is(await grab(system, 'bob', what), 'grabbed');
  });

  test(`after ${what} the coupon sells within a second in another process`, async () => {
    const name = `${what} elsewhere`;
    await given(name, 1);
    await before(name);
    assert.is(await grab(other, 'eve', name), refusal);

    await change(name);
    await forgotten();

    assert.is(await grab(other, 'eve', name), 'grabbed');
  });
}

test('of hundreds of customers, exactly as many win as there are pieces after restocks and releases in mid-sale', async () => {
  const name = 'in mid-sale';
  await given(name, 50);
  const customers = Array.from({ length: 300 }, (_, i) => `crowd ${i}`);
  let allDecided = false;
  const attempt = async (by: string, place: number): Promise<string> => {
    // A customer who was refused comes again after the memory of the refusal has ended, and once more after the last change.
    for (let tries = 0; ; tries++) {
      const isLast = allDecided && tries >= 3;
      const outcome = await grab(place % 2 === 0 ? system : other, by, name);
      if (outcome === 'grabbed') return outcome;
      if (isLast) return 'refused';
      await forgotten();
    }
  };
  const restocks = Array.from({ length: 20 }, () => restockCoupon(other, ann, { ...ofAnn(name), amount: 2 }));
  const releases = customers.slice(0, 30).map(async (by) => {
    await sleep(20);
    return releaseGrab(system, customer(by), { ...ofAnn(name), customer: by });
  });

  const decided = Promise.all([...restocks, ...releases]).then(forgotten);
  const attempts = customers.map(attempt);
  await decided;
  allDecided = true;
  const outcomes = await Promise.all(attempts);
  const released = (await Promise.all(releases)).filter((result) => result === 'released').length;

  const won = outcomes.filter((outcome) => outcome === 'grabbed').length;
  await settled(system);
  const events = await loggedEvents(system, 'ann', name);
  const grabs = events.filter(({ type }) => type === 'CouponGrabbed').length;
  assert.is(grabs, won);
  assert.is(grabs - released, 90);
  assert.is(await grab(system, 'too late', name), 'sold-out');
  assert.equal(
    events.map(({ version }) => version),
    events.map((_, place) => place + 1),
  );
});

test('of 200 concurrent releases of one piece exactly one succeeds, and one other customer gets the piece', async () => {
  await given('released once', 1);
  const won = await grabCoupon(system, customer('bob'), ofAnn('released once'));
  const code = won.outcome === 'grabbed' ? won.code : '';

  const results = await Promise.all(
    Array.from({ length: 200 }, (_, i) =>
      releaseGrab(i % 2 === 0 ? system : other, customer('bob'), { ...ofAnn('released once'), customer: 'bob', code }),
    ),
  );

  assert.is(results.filter((result) => result === 'released').length, 1);
  assert.is(results.filter((result) => result === 'not-held').length, 199);
  const grabs = await Promise.all(Array.from({ length: 50 }, (_, i) => grab(system, `next ${i}`, 'released once')));
  assert.is(grabs.filter((outcome) => outcome === 'grabbed').length, 1);
});

test('with a limit of three, 100 concurrent grabs of one customer are three pieces', async () => {
  const coupon = { ...ofAnn('three each'), amount: 50, stock: 1, description: '', perCustomer: 3 };
  await createCoupon(system, ann, coupon);

  const outcomes = await Promise.all(
    Array.from({ length: 100 }, (_, i) => grab(i % 2 === 0 ? system : other, 'bob', 'three each')),
  );

  assert.is(outcomes.filter((outcome) => outcome === 'grabbed').length, 3);
});

test('of 100 concurrent closes exactly one succeeds, and the sale has ended for every process', async () => {
  await given('closed once', 5);

  const results = await Promise.all(
    Array.from({ length: 100 }, (_, i) => closeCoupon(i % 2 === 0 ? system : other, ann, ofAnn('closed once'))),
  );

  assert.is(results.filter((result) => result === 'changed').length, 1);
  for (const on of [system, other]) assert.is(await grab(on, 'bob', 'closed once'), 'closed');
});

test('a change needs the seller of the coupon', async () => {
  await given('not yours', 1);
  for (const by of [seller('bea'), customer('ann')])
    for (const change of [pauseCoupon, resumeCoupon, closeCoupon])
      assert.is(await change(system, by, ofAnn('not yours')), 'not-the-owner');
});

test.after(async () => {
  await closeOther();
  await close();
});
test.run();
