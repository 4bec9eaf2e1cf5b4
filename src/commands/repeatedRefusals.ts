import calculateSlot from 'cluster-key-slot';
import { createLRU } from 'lru.min';
import { type CouponName, couponPath, keyName, PARTITIONS } from '../infra/keys.ts';
import type { GrabOutcome, GrabRequest, GrabResult } from './decideGrabs.ts';
import type { DecisionDeps } from './decision.ts';
import type { ReadHolders } from './readHolders.ts';
import { isFresh, isRenewedBy, newRefusal, type Refusal } from './refusal.ts';
import { createSoldOutCoupons } from './soldOutCoupons.ts';

const MAX_REFUSALS = 20_000;
const MAX_COUPONS = 1_000;
const SLOTS = 16_384;

/** Refusals that are the same for every customer of a coupon. */
const forEveryCustomer: ReadonlySet<GrabOutcome> = new Set([
  'closed',
  'ended',
  'no-such-coupon',
  'not-started',
  'paused',
]);
/** Refusals that another customer, who may hold a piece, would not get. */
const forOneCustomer: ReadonlySet<GrabOutcome> = new Set(['sold-out', 'already-grabbed']);

export interface RepeatedRefusals {
  /** The refusal that this customer would get from Redis, too; undefined when Redis has to decide. */
  repeat(coupon: CouponName, request: GrabRequest): GrabResult | undefined;
  /** `since` and `version` are from before the script call; `since` in milliseconds of performance.now(). */
  remember(coupon: CouponName, request: GrabRequest, result: GrabResult, since: number, version: number): void;
  /** Rises when the refusals of the coupon are forgotten, and when the gate was shut, because Redis may have been replaced. */
  version(coupon: CouponName): number;
  /** Called for changes that this process decided, such as a restock: from now on grabs of the coupon are decided anew. */
  forget(coupon: CouponName): void;
}

/**
 * Repeats refusals for a moment without asking Redis. A request with an idempotency key is always decided by Redis, because its key
 * may be that of a win. `not-started` and `sold-out` are repeated only while the measured clock leaves no doubt that the sale has not
 * started, or not ended. `now` is a monotonic time in milliseconds.
 */
export function createRepeatedRefusals(
  { gate, shardOf }: Pick<DecisionDeps, 'gate' | 'shardOf'>,
  readHolders: ReadHolders,
  now = () => performance.now(),
): RepeatedRefusals {
  const ofCustomers = createLRU<string, Refusal>({ max: MAX_REFUSALS });
  const ofCoupons = createLRU<string, Refusal>({ max: MAX_COUPONS });
  const soldOut = createSoldOutCoupons(gate.shuts, readHolders);
  // Counts changes by slot, which takes a fixed amount of memory. Coupons that share a slot lose their refusals together.
  const changes = new Uint32Array(SLOTS);
  const versionOf = (slot: number) => gate.shuts() + (changes[slot] as number);
  const forget = (path: string) => void (changes[calculateSlot(path)] as number)++;
  const keyOf = (path: string, customer: string) => `${keyName(customer)} ${path}`;

  const isValid = (refusal: Refusal, at: number) => {
    if (!isFresh(refusal, at) || refusal.version !== versionOf(refusal.slot)) return false;
    const { result } = refusal;
    const latest = () => shardOf(refusal.slot % PARTITIONS).clock.latest();
    if (result.outcome === 'not-started') return latest() < result.startsAt;
    return result.outcome !== 'sold-out' || result.endsAt === undefined || latest() < result.endsAt;
  };
  /** The refusal of the coupon that all customers get, or all who hold no piece. */
  const sharedRefusal = (path: string, customer: string, at: number) => {
    const ofCoupon = ofCoupons.get(path);
    if (ofCoupon !== undefined && isValid(ofCoupon, at)) return ofCoupon;
    const ofStrangers = soldOut.refusalFor(path, customer);
    return ofStrangers !== undefined && isValid(ofStrangers, at) ? ofStrangers : undefined;
  };

  return {
    version: (coupon) => versionOf(calculateSlot(couponPath(coupon))),
    forget: (coupon) => forget(couponPath(coupon)),
    repeat(coupon, { customer, idempotencyKey }) {
      if (idempotencyKey !== '') return undefined;
      const path = couponPath(coupon);
      const at = now();
      const shared = sharedRefusal(path, customer, at);
      if (shared !== undefined) return isRenewedBy(shared, customer, at) ? undefined : shared.result;
      const own = ofCustomers.get(keyOf(path, customer));
      return own !== undefined && isValid(own, at) ? own.result : undefined;
    },
    remember(coupon, { customer, idempotencyKey }, result, since, version) {
      const { outcome } = result;
      const path = couponPath(coupon);
      if (outcome === 'grabbed') {
        // After its 201, this customer must not get an older refusal.
        if (!result.isRepeated && (ofCoupons.has(path) || soldOut.has(path))) {
          ofCoupons.delete(path);
          soldOut.delete(path);
          forget(path);
        }
        return;
      }
      // The refusal of a key may be an old one, which other requests would not get.
      if (idempotencyKey !== '') return;
      const slot = calculateSlot(path);
      if (version !== versionOf(slot)) return;
      if (ofCoupons.peek(path)?.result.outcome !== outcome) ofCoupons.delete(path);
      const refusal = newRefusal(result, since, version, slot);
      if (forEveryCustomer.has(outcome)) ofCoupons.set(path, refusal);
      if (forOneCustomer.has(outcome)) ofCustomers.set(keyOf(path, customer), refusal);
      if (result.outcome === 'sold-out') soldOut.remember(coupon, newRefusal(result, since, version, slot));
    },
  };
}
