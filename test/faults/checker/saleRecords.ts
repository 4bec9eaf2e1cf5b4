// What a round leaves behind, as plain data: all that the checker judges by, beside the history. Of one seller's coupons, by name.

export interface LoggedEvent {
  coupon: string;
  couponId: string;
  version: number;
  type: string;
  /** Microseconds since 1970 on the clock of Redis. */
  occurredAt: number;
  /** Of a CouponGrabbed. */
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

/** How a graceful stop went. */
export interface Stop {
  app: number;
  /** Milliseconds since 1970: when it was told to. */
  at: number;
  /** Exit status, or the signal that ended it. */
  exit: number | string;
  ms: number;
}

export interface Records {
  log: LoggedEvent[];
  coupons: CouponRow[];
  grabs: GrabRow[];
  redis: {
    coupons: RedisCoupon[];
    /** Names of the coupons in the seller's view. */
    sellerView: string[];
    /** Customer -> paths (`seller/name`) in their view. */
    customerViews: Record<string, string[]>;
    deadLetters: string[];
  };
  /** Whether the outbox emptied and every application was ready within the limit. */
  drained: boolean;
  /** Coupons of any seller whose log is not versions 1..n, or whose tables disagree with it. */
  damaged: string[];
  stops: Stop[];
}

export interface Violation {
  name: string;
  sample: string;
}
