import type { HeldPieces } from '../../coupon/decide.ts';
import { evolvePiece, grabOf, type Piece } from '../../coupon/pieces.ts';
import type { CouponEvent } from '../../events.ts';
import { type CouponWalk, mismatch } from './couponWalk.ts';
import { faultOf, fittingState } from './ruleOfEvents.ts';

// The walk through the events of one customer of a coupon, in the order of versions: it knows all pieces that the customer holds, so
// it checks the limit, releases and redemptions with the rule. No store is read.

export interface CustomerWalk {
  /** The pieces that the customer holds, the oldest first. */
  pieces: Piece[];
  /** The versions of all grabs of the customer. */
  grabs: Set<number>;
}

export const startCustomerWalk = (): CustomerWalk => ({ pieces: [], grabs: new Set() });

/** Takes the customer's next event. Mismatches are added to the walk of the coupon. */
export function takeCustomerEvent(coupon: CouponWalk, customer: CustomerWalk, event: CouponEvent): void {
  const grab = grabOf(event);
  if (grab === undefined || coupon.state === undefined) return;
  if (event.type === 'CouponGrabbed') customer.grabs.add(grab);
  const { pieces } = customer;
  const held: HeldPieces = { of: () => pieces, withCode: (code) => pieces.find((piece) => piece.code === code) };
  const fault = faultOf(event, fittingState(coupon.state), held);
  if (fault !== undefined) mismatch(coupon, fault);
  const place = pieces.findIndex((piece) => piece.grab === grab);
  // The fault has said that the customer does not hold the piece.
  if (place === -1 && event.type !== 'CouponGrabbed') return;
  const piece = evolvePiece(pieces[place], event);
  customer.pieces = [...pieces.filter((_, at) => at !== place), ...(piece === undefined ? [] : [piece])].sort(
    (a, b) => a.grab - b.grab,
  );
}
