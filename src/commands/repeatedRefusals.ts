import { createLRU } from 'lru.min';
import { type CouponName, couponPath } from '../infra/keys.ts';
import type { GrabOutcome, GrabRequest, GrabResult } from './decideGrabs.ts';
import type { DecisionDeps } from './decision.ts';

/**
 * How long a refusal is repeated without asking Redis, counted from before the script call that decided it. A restock, a resume, a
 * release or new terms on another process are thereby seen within a second.
 */
const REFUSAL_TTL_MS = 900;
const MAX_REFUSALS = 20_000;
const MAX_COUPONS = 1_000;

/** Refusals that are the same for every customer of a coupon. `no-such-coupon` is not among them: a coupon may be created any moment. */
const forEveryCustomer: ReadonlySet<GrabOutcome> = new Set(['closed', 'ended', 'not-started', 'paused']);
/** Refusals that another customer, who may hold a piece, would not get. */
const forOneCustomer: ReadonlySet<GrabOutcome> = new Set(['sold-out', 'already-grabbed']);

interface Remembered {
  result: GrabResult;
  /** In milliseconds of performance.now(). */
  until: number;
  /** The value of `version()` before the script call. */
  version: number;
}

export interface RepeatedRefusals {
  /** The refusal that this customer got a moment ago and would get again; undefined when Redis has to decide. */
  repeat(coupon: CouponName, request: GrabRequest): GrabResult | undefined;
  /** `since` and `version` are from before the script call; `since` in milliseconds of performance.now(). */
  remember(coupon: CouponName, request: GrabRequest, result: GrabResult, since: number, version: number): void;
  /** Rises when all refusals are forgotten, and when the gate was shut, because Redis may have been replaced. */
  version(): number;
  /** Called for changes that this process decided, such as a restock: from now on grabs are decided anew. */
  forget(): void;
}

/**
 * Repeats refusals for a moment without asking Redis. A request with an idempotency key is always decided by Redis, because its key
 * may be that of a win. `not-started` is repeated only while the measured clock leaves no doubt that the sale has not started.
 */
export function createRepeatedRefusals({ gate, clock }: Pick<DecisionDeps, 'gate' | 'clock'>): RepeatedRefusals {
  const ofCustomers = createLRU<string, Remembered>({ max: MAX_REFUSALS });
  const ofCoupons = createLRU<string, Remembered>({ max: MAX_COUPONS });
  let changes = 0;
  const version = () => gate.shuts() + changes;
  const keyOf = (path: string, customer: string) => `${customer} ${path}`;
  const valid = (known: Remembered | undefined) => {
    if (known === undefined || known.until < performance.now() || known.version !== version()) return undefined;
    const { result } = known;
    return result.outcome === 'not-started' && clock.latest() >= result.startsAt ? undefined : result;
  };
  return {
    version,
    forget: () => void changes++,
    repeat(coupon, { customer, idempotencyKey }) {
      if (idempotencyKey !== '') return undefined;
      const path = couponPath(coupon);
      return valid(ofCustomers.get(keyOf(path, customer))) ?? valid(ofCoupons.get(path));
    },
    remember(coupon, { customer, idempotencyKey }, result, since, asOf) {
      const { outcome } = result;
      // The refusal of a key may be an old one, which other requests would not get.
      if (idempotencyKey !== '') return;
      const remembered = { result, until: since + REFUSAL_TTL_MS, version: asOf };
      if (forOneCustomer.has(outcome)) ofCustomers.set(keyOf(couponPath(coupon), customer), remembered);
      else if (forEveryCustomer.has(outcome)) ofCoupons.set(couponPath(coupon), remembered);
    },
  };
}
