import type { CouponGrabbed, CouponRef, DecidedEvent } from '../../src/events.ts';
import {
  closed,
  created,
  grabbed,
  paused,
  redeemed,
  released,
  restocked,
  resumed,
  termsChanged,
  undone,
} from './sampleEvents.ts';

/** A valid history of one coupon with every event that scripts decide. */
export function wholeLife(coupon: CouponRef): DecidedEvent[] {
  const terms = {
    stock: 5,
    description: 'opens at noon',
    startsAt: 1_700_000_000_000_002,
    endsAt: 1_700_000_999_000_000,
  };
  // Codes are unique in a database, so each history has its own.
  const codeOf = (version: number) => `${coupon.id.slice(-9).toUpperCase()}${version.toString().padStart(3, '0')}`;
  const grab = (version: number, customer: string, left: number): CouponGrabbed =>
    grabbed(coupon, version, customer, left, codeOf(version));
  const [bob, bobAgain, eve] = [grab(2, 'bob', 2), grab(3, 'bob', 1), grab(5, 'eve', 1)];
  return [
    created(coupon, 3, {
      ...terms,
      validFrom: 1_700_000_000_000_005,
      validUntil: 1_700_001_000_000_000,
      perCustomer: 3,
    }),
    bob,
    bobAgain,
    released(bob, 4, 2),
    eve,
    redeemed(bobAgain, 6, 1),
    paused(coupon, 7, 1),
    undone(bobAgain, 8, 1),
    resumed(coupon, 9, 1),
    restocked(coupon, 10, 4, 7, 5),
    termsChanged(coupon, 11, 5, { stock: 6, description: "it's later", endsAt: 1_700_002_000_000_000 }),
    grab(12, 'bob', 4),
    redeemed(bobAgain, 13, 4),
    redeemed(eve, 14, 4),
    undone(eve, 15, 4),
    released(eve, 16, 5),
    closed(coupon, 17, 5),
  ];
}
