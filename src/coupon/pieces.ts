import { type CouponEvent, unreachable } from '../events.ts';

/** A piece that a customer holds: the state of one grab, until the customer gives it back. */
export interface Piece {
  customer: string;
  /** The version of its CouponGrabbed. */
  grab: number;
  /** Absent for grabs of the first releases. */
  code?: string | undefined;
  idempotencyKey?: string | undefined;
  /** Microseconds since 1970 on the clock of Redis. */
  grabbedAt: number;
  /** Absent while the code is good. */
  redeemedAt?: number | undefined;
}

/** The version of the CouponGrabbed of the piece that an event is about; undefined for events about the whole coupon. */
export function grabOf(event: CouponEvent): number | undefined {
  switch (event.type) {
    case 'CouponGrabbed':
      return event.version;
    case 'GrabReleased':
    case 'CouponRedeemed':
    case 'RedemptionUndone':
      return event.data.grab;
    case 'CouponCreated':
    case 'CouponRestocked':
    case 'CouponPaused':
    case 'CouponResumed':
    case 'CouponClosed':
    case 'TermsChanged':
    case 'PiecesRecounted':
      return undefined;
    default:
      return unreachable(event);
  }
}

/** The piece after an event about it; undefined after a release. Throws when an event is about a piece that is not there. */
export function evolvePiece(piece: Piece | undefined, event: CouponEvent): Piece | undefined {
  if (event.type === 'CouponGrabbed') {
    const { customer, code, idempotencyKey } = event.data;
    return { customer, grab: event.version, code, idempotencyKey, grabbedAt: event.occurredAt };
  }
  if (grabOf(event) === undefined) return piece;
  if (piece === undefined) throw new Error(`${event.type} of a piece that no customer holds: version ${event.version}`);
  if (event.type === 'GrabReleased') return undefined;
  return { ...piece, redeemedAt: event.type === 'CouponRedeemed' ? event.occurredAt : undefined };
}
