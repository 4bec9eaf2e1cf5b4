import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { CouponRef, DecidedEvent } from '../../src/events.ts';
import type { Delivery } from '../../src/infra/outbox.ts';
import { openMysql } from '../../src/infra/stores/openMysql.ts';
import { applyBatch } from '../../src/projections/applyBatch.ts';
import { idToBytes } from '../../src/projections/log/eventRows.ts';
import {
  closed,
  couponRef,
  created,
  delivery,
  grabbed,
  paused,
  redeemed,
  released,
  restocked,
  resumed,
  termsChanged,
  undone,
} from '../support/sampleEvents.ts';
import { createDatabase } from '../support/testStores.ts';
import { wholeLife } from '../support/wholeLife.ts';

const { mysql, close } = await openMysql(await createDatabase());
const test = suite('the tables of coupons and their grabs');

/** When these events are applied, each in a transaction of its own. */
async function apply(...events: DecidedEvent[]): Promise<void> {
  for (const event of events) await applyBatch(mysql, [delivery(event)]);
}

/** Then: the rows of a coupon, without what differs between two coupons with the same history. */
async function rowsOf({ id }: CouponRef) {
  const [coupon] = await mysql('coupons').where({ id: idToBytes(id) });
  const grabs = await mysql('coupon_grabs')
    .where({ coupon_id: idToBytes(id) })
    .orderBy('version');
  return {
    coupon: { ...coupon, id: '', seller: '', name: '' },
    grabs: grabs.map(({ coupon_id: _, code, customer, ...rest }) => ({
      ...rest,
      hasCode: code !== null,
      customer: String(customer),
    })),
  };
}

let codes = 0;
/** Given a coupon of five pieces with a grab, which has version 2. */
function givenGrab(name: string) {
  const coupon = couponRef(name);
  const grab = grabbed(coupon, 2, 'bob', 4, `CODE${String(++codes).padStart(8, '0')}`);
  return { coupon, grab, given: [created(coupon, 5), grab] };
}
const at = (version: number) => 1_700_000_000_000_000 + version;

test('a creation stores the limit, the windows and the versions that its columns come from', async () => {
  const coupon = couponRef('limited');
  const times = { startsAt: 11, endsAt: 12, validFrom: 13, validUntil: 14 };

  await apply(created(coupon, 3, { ...times, perCustomer: 2 }));

  assert.equal((await rowsOf(coupon)).coupon, {
    ...{ id: '', seller: '', name: '', amount: 3, stock: 5, description: 'd', pieces_left: 3, version: 1 },
    created_at: at(1),
    ...{ per_customer: 2, starts_at: 11, ends_at: 12, valid_from: 13, valid_until: 14 },
    ...{ phase: 'open', amount_version: 1, terms_version: 1, phase_version: 1 },
  });
});

test('a creation without windows has no limits in time, and one piece for each customer', async () => {
  const coupon = couponRef('plain');

  await apply(created(coupon, 3));

  const row = (await rowsOf(coupon)).coupon;
  assert.equal(
    [row.per_customer, row.starts_at, row.ends_at, row.valid_from, row.valid_until],
    [1, null, null, null, null],
  );
});

test('a grab stores its code; a grab of the first releases has none', async () => {
  const { coupon, given } = givenGrab('coded');

  await apply(...given, grabbed(coupon, 3, 'eve', 3));

  const [first, second] = await mysql('coupon_grabs')
    .where({ coupon_id: idToBytes(coupon.id) })
    .orderBy('version');
  assert.match(first.code, /^CODE\d{8}$/);
  assert.is(second.code, null);
});

type Given = ReturnType<typeof givenGrab>;
const terms = { stock: 9, description: "it's new; DROP", startsAt: 21, validUntil: 24 };
const effects: [what: string, events: (given: Given) => DecidedEvent[], coupon: object, grab: object][] = [
  [
    'a redemption sets redeemed_at',
    ({ grab }) => [redeemed(grab, 3, 4)],
    { version: 3, pieces_left: 4 },
    { redeemed_at: at(3), released_at: null, changed_version: 3 },
  ],
  [
    'an undone redemption clears redeemed_at',
    ({ grab }) => [redeemed(grab, 3, 4), undone(grab, 4, 4)],
    { version: 4, pieces_left: 4 },
    { redeemed_at: null, released_at: null, changed_version: 4 },
  ],
  [
    'a redemption after an undone one sets redeemed_at again',
    ({ grab }) => [redeemed(grab, 3, 4), undone(grab, 4, 4), redeemed(grab, 5, 4)],
    { version: 5, pieces_left: 4 },
    { redeemed_at: at(5), released_at: null, changed_version: 5 },
  ],
  [
    'a release sets released_at and the pieces left, and keeps the row of the grab',
    ({ grab }) => [released(grab, 3, 5)],
    { version: 3, pieces_left: 5 },
    { redeemed_at: null, released_at: at(3), changed_version: 3 },
  ],
  [
    'a restock sets the amount and the pieces left',
    ({ coupon }) => [restocked(coupon, 3, 7, 12, 11)],
    { version: 3, pieces_left: 11, amount: 12, amount_version: 3 },
    {},
  ],
  [
    'a pause sets the phase',
    ({ coupon }) => [paused(coupon, 3, 4)],
    { version: 3, phase: 'paused', phase_version: 3 },
    {},
  ],
  [
    'a resumed coupon is open',
    ({ coupon }) => [paused(coupon, 3, 4), resumed(coupon, 4, 4)],
    { version: 4, phase: 'open', phase_version: 4 },
    {},
  ],
  [
    'a close sets the phase',
    ({ coupon }) => [closed(coupon, 3, 4)],
    { version: 3, phase: 'closed', phase_version: 3 },
    {},
  ],
  [
    'changed terms replace all terms, and an absent time removes its limit',
    ({ coupon }) => [termsChanged(coupon, 3, 4, { ...terms, endsAt: 22 }), termsChanged(coupon, 4, 4, terms)],
    {
      ...{ version: 4, terms_version: 4, stock: 9, description: terms.description },
      ...{ starts_at: 21, ends_at: null, valid_from: null, valid_until: 24 },
    },
    {},
  ],
];

for (const [what, eventsOf, couponChange, grabChange] of effects) {
  test(`${what}, in one transaction or in several`, async () => {
    for (const inOne of [false, true]) {
      const given = givenGrab(`${what.slice(0, 60)} ${inOne}`);
      await apply(...given.given);
      const before = await rowsOf(given.coupon);

      if (inOne) await applyBatch(mysql, [delivery(...eventsOf(given))]);
      else await apply(...eventsOf(given));

      const [grab] = before.grabs;
      assert.equal(await rowsOf(given.coupon), {
        coupon: { ...before.coupon, ...couponChange },
        grabs: [{ ...grab, ...grabChange }],
      });
    }
  });
}

const changes: [type: string, eventOf: (given: Given, version: number) => DecidedEvent][] = [
  ['CouponGrabbed', ({ coupon }, version) => grabbed(coupon, version, 'eve', version)],
  ['GrabReleased', ({ grab }, version) => released(grab, version, version)],
  ['CouponRedeemed', ({ grab }, version) => redeemed(grab, version, version)],
  ['RedemptionUndone', ({ grab }, version) => undone(grab, version, version)],
  ['CouponRestocked', ({ coupon }, version) => restocked(coupon, version, 1, version + 5, version)],
  ['CouponPaused', ({ coupon }, version) => paused(coupon, version, version)],
  ['CouponResumed', ({ coupon }, version) => resumed(coupon, version, version)],
  ['CouponClosed', ({ coupon }, version) => closed(coupon, version, version)],
  [
    'TermsChanged',
    ({ coupon }, version) => termsChanged(coupon, version, version, { stock: version, description: `${version}` }),
  ],
];

for (const [earlier, first] of changes) {
  test(`a ${earlier} that is applied after a later event leaves the same rows as in order`, async () => {
    for (const [later, second] of changes) {
      const names = [`${earlier} ${later}`, `${earlier} ${later} swapped`];
      const [ordered, swapped] = names.map(givenGrab) as [Given, Given];
      await apply(...ordered.given, ...swapped.given);

      await apply(first(ordered, 3), second(ordered, 4));
      await apply(second(swapped, 4), first(swapped, 3));

      assert.equal(await rowsOf(swapped.coupon), await rowsOf(ordered.coupon), `${earlier}, ${later}`);
    }
  });
}

/** Applies batches in this order; early deliveries are applied again at the end, as the writer does. */
async function applyUntilTaken(batches: readonly Delivery[][]): Promise<void> {
  let early: Delivery[] = [];
  for (const batch of batches) early.push(...(await applyBatch(mysql, batch)).early);
  while (early.length > 0) early = (await applyBatch(mysql, early)).early;
}

test('a whole life leaves the same rows however its events are spread over batches, and however often they come', async () => {
  const inOrder = couponRef('in order');
  await apply(...wholeLife(inOrder));
  const expected = await rowsOf(inOrder);
  let run = 0;
  const places = fc.array(fc.nat(expected.coupon.version - 1), { maxLength: 12 });
  const order = fc.shuffledSubarray([...Array(expected.coupon.version).keys()], {
    minLength: expected.coupon.version,
  });

  await fc.assert(
    fc.asyncProperty(order, places, fc.integer({ min: 1, max: 6 }), async (order, repeated, size) => {
      const coupon = couponRef(`spread ${++run}`);
      const events = wholeLife(coupon);
      const deliveries = [...order, ...repeated].map((place) => delivery(events[place] as DecidedEvent));
      const batches = [];
      for (let i = 0; i < deliveries.length; i += size) batches.push(deliveries.slice(i, i + size));

      await applyUntilTaken(batches);

      assert.equal(await rowsOf(coupon), expected);
    }),
    { numRuns: 40 },
  );
});

test.after(close);
test.run();
