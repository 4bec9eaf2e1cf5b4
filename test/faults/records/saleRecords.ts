import type { Phase, Terms } from '../../../src/coupon/state.ts';
import type { CouponEvent } from '../../../src/events.ts';
import type { CloudEvent } from '../../../src/subscribers/cloudEvent.ts';

// What a round leaves in the stores, as plain data. The checker judges by it and by the request history, and by nothing else.

/** A coupon as a store has it; all times in microseconds since 1970. A number that the store lacks is NaN. */
export interface StoredCoupon extends Terms {
  name: string;
  amount: number;
  left: number;
  version: number;
  perCustomer: number;
  phase: Phase;
}

/** A row of coupon_grabs. */
export interface GrabRow {
  coupon: string;
  version: number;
  customer: string;
  code?: string | undefined;
  redeemedAt?: number | undefined;
  releasedAt?: number | undefined;
}

/** A piece in the holders hash. */
export interface HeldPiece {
  grab: number;
  code?: string | undefined;
  key?: string | undefined;
}

export interface RedisCoupon extends StoredCoupon {
  released: number;
  redeemed: number;
  /** Customer -> pieces, the oldest first. */
  holders: Record<string, HeldPiece[]>;
  /** Code -> time of the redemption. */
  redemptions: Record<string, number>;
  /** Command, subject and idempotency key -> what the key gets again. */
  requests: Record<string, string>;
  /** The numbers of events in unloggedChanges and unloggedPieces. */
  unlogged: number;
}

export interface GracefulStop {
  app: number;
  /** When SIGTERM was sent, in milliseconds since 1970. */
  at: number;
  /** Exit status, or the signal that ended the process. */
  exit: number | string;
  ms: number;
}

/** The coupons are those of the round's seller, unless a field says otherwise. */
export interface SaleRecords {
  log: CouponEvent[];
  coupons: StoredCoupon[];
  grabs: GrabRow[];
  redis: {
    coupons: RedisCoupon[];
    /** Code -> `seller/name/customer`, for the codes of the log. */
    codes: Record<string, string>;
    /** Names of the coupons in the seller's view. */
    sellerView: string[];
    /** Customer -> pieces (`seller/name/code`) in the customer's view, without those that were given back. */
    customerViews: Record<string, string[]>;
    deadLetters: string[];
  };
  /** Whether the outbox emptied and every application became ready within the limit. */
  drained: boolean;
  /** What `npm run verify` finds. */
  mismatches: string[];
  stops: GracefulStop[];
  /** Empty in a round without subscribers. */
  deliveries: Deliveries[];
}

/** What one subscriber has got of the round's seller, in the order in which it got it. Repeats are in it. */
export interface Deliveries {
  subscriber: string;
  events: CloudEvent[];
  /** Whether the subscriber has reached the end of the log within the limit. */
  caughtUp: boolean;
  /** Whether the subscriber must have each event once: it recognises repeats. */
  once: boolean;
}

export interface Violation {
  name: string;
  sample: string;
}
