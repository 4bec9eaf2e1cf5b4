import * as assert from 'uvu/assert';
import { toCloudEvent } from '../../../src/subscribers/cloudEvent.ts';
import type { Deliveries } from '../records/saleRecords.ts';
import { type Broken, checkerSuite, last } from './checkerSuite.ts';

// The checker of the fault harness finds every difference between the log and the events that subscribers have got.

const { test, sale, names, testBroken } = checkerSuite("the fault harness's checker: deliveries");
const toOrderSystem = () => sale().records.deliveries[0] as Deliveries;
const toBroker = () => sale().records.deliveries[1] as Deliveries;
test.before.each(() => {
  const events = () => structuredClone(sale().records.log.map((event, place) => toCloudEvent(event, place + 1)));
  sale().records.deliveries = [
    // An order system that was killed gets some events again.
    { subscriber: 'order system', events: [...events(), ...events().slice(-2)], caughtUp: true, once: false },
    { subscriber: 'broker', events: events(), caughtUp: true, once: true },
  ];
});
const swap = (events: Deliveries['events'], place: number) =>
  events.splice(place, 2, ...events.slice(place, place + 2).reverse());

const brokenDeliveries: Broken[] = [
  ['an event that is missing at the end', ['event-missing'], () => toBroker().events.pop()],
  [
    'an event that is missing in the middle',
    ['event-missing', 'event-order'],
    () => toOrderSystem().events.splice(3, 1),
  ],
  ['two events of a coupon in the wrong order', ['event-order'], () => swap(toOrderSystem().events, 4)],
  [
    'an event that comes again after a later one has come first',
    ['event-order'],
    () => {
      const { events } = toOrderSystem();
      events.splice(4, 0, last(events));
    },
  ],
  ['a repeat in the stream of the broker', ['event-repeated'], () => toBroker().events.push(last(toBroker().events))],
  [
    'a repeat with another id',
    ['event-order', 'event-unknown'],
    () => toOrderSystem().events.push({ ...last(toOrderSystem().events), id: 'another:10' }),
  ],
  [
    'a repeat with another content',
    ['event-differs'],
    () => toOrderSystem().events.push({ ...last(toOrderSystem().events), type: 'CouponPaused' } as never),
  ],
  [
    'an event that shows a code',
    ['event-differs'],
    () => Object.assign(toBroker().events[1]?.data ?? {}, { code: 'B1' }),
  ],
  ['a subscriber that does not catch up', ['not-caught-up'], () => Object.assign(toBroker(), { caughtUp: false })],
];

test('an order system that gets some events again, and a broker that has each once, have got what they must', () => {
  assert.equal(names(), []);
});

testBroken(brokenDeliveries, false);

test.run();
