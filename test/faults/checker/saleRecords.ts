// What a round leaves in the stores, as plain data. The checker judges by it and by the request history, and by nothing else.

export interface LoggedEvent {
  coupon: string;
  couponId: string;
  version: number;
  type: string;
  /** Microseconds since 1970 on the clock of Redis. */
  occurredAt: number;
  /** Present in a CouponGrabbed. */
  customer?: string;
  left?: number;
}

export interface CouponRow {
  name: string;
  amount: number;
  left: number;
  version: number;
}

export interface GrabRow {
  coupon: string;
  version: number;
  customer: string;
}

export interface RedisCoupon {
  name: string;
  /** Absent fields are NaN. */
  amount: number;
  left: number;
  version: number;
  /** Customer -> version. */
  holders: Record<string, number>;
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
  log: LoggedEvent[];
  coupons: CouponRow[];
  grabs: GrabRow[];
  redis: {
    coupons: RedisCoupon[];
    /** Names of the coupons in the seller's view. */
    sellerView: string[];
    /** Customer -> paths (`seller/name`) in the customer's view. */
    customerViews: Record<string, string[]>;
    deadLetters: string[];
  };
  /** Whether the outbox emptied and every application became ready within the limit. */
  drained: boolean;
  /** Coupons of any seller whose log is not versions 1..n, or whose tables disagree with it. */
  damaged: string[];
  stops: GracefulStop[];
}

export interface Violation {
  name: string;
  sample: string;
}
