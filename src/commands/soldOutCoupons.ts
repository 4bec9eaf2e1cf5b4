import { LRUCache } from 'lru-cache';
import { type CouponName, couponPath } from '../infra/keys.ts';
import type { SoldOut } from './decideGrabs.ts';
import { createNameFilter, filterBytes, type NameFilter } from './nameFilter.ts';
import type { ReadHolders } from './readHolders.ts';
import type { Refusal } from './refusal.ts';

const MAX_COUPONS = 10_000;
/** Of all filters together: the names of eight million holders. */
const MAX_BYTES = 16 * 1_024 * 1_024;
/**
 * Reading this many holders costs about as much as one script call for one customer. So a crowd pays for the filter before it is
 * built: even if the holders change again and again, building filters at most doubles the cost of the crowd.
 */
const HOLDERS_PER_REFUSAL = 64;
const MAX_LOADS = 4;

/** A coupon without its filter. */
const COUPON_BYTES = 512;

/** What is known of a sold-out coupon. */
interface Known {
  /** While Redis replies the same `supply`, the coupon has the same holders. */
  supply: number;
  shuts: number;
  /** The refusals that Redis has decided and that a filter would have saved. */
  refusals: number;
  /** Whether the holders are being read, or were. */
  isLoading: boolean;
  filter?: NameFilter;
  /** When all holders were in the filter, in milliseconds of performance.now(). */
  loadedAt: number;
  /** The last refusal that was decided while all holders were in the filter. */
  confirmed?: Refusal<SoldOut>;
}

export interface SoldOutCoupons {
  /** The confirmed refusal, if this customer certainly holds no piece; its age is not checked here. */
  refusalFor(path: string, customer: string): Refusal<SoldOut> | undefined;
  /** A refusal without an idempotency key that the script decided. */
  remember(coupon: CouponName, refusal: Refusal<SoldOut>): void;
  has(path: string): boolean;
  delete(path: string): void;
}

/**
 * Knows which customers hold a piece of a coupon that is sold out, or rather which customers do not. Decision 20 says why a refusal
 * that is based on it is true.
 */
export function createSoldOutCoupons(
  shuts: () => number,
  readHolders: ReadHolders,
  maxBytes = MAX_BYTES,
): SoldOutCoupons {
  const coupons = new LRUCache<string, Known>({ max: MAX_COUPONS, maxSize: maxBytes });
  let loads = 0;

  const load = async (coupon: CouponName, begun: Known) => {
    const path = couponPath(coupon);
    const isCurrent = (known: Known) => coupons.peek(path) === known && known.shuts === shuts();
    const { count, pages } = await readHolders(coupon);
    const size = COUPON_BYTES + filterBytes(count);
    if (!isCurrent(begun) || size > maxBytes) return;
    // The least recently used coupons make room.
    const known = { ...begun, filter: createNameFilter(count) };
    coupons.set(path, known, { size });
    for await (const names of pages) {
      if (!isCurrent(known)) return;
      for (const name of names) known.filter.add(name);
    }
    known.loadedAt = performance.now();
  };

  return {
    refusalFor(path, customer) {
      const known = coupons.get(path);
      if (known?.confirmed === undefined || known.filter === undefined) return undefined;
      return known.filter.mayHave(customer) ? undefined : known.confirmed;
    },
    remember(coupon, refusal) {
      const { supply } = refusal.result;
      if (supply === undefined) return;
      const path = couponPath(coupon);
      let known = coupons.get(path);
      if (known?.shuts !== shuts() || known.supply !== supply) {
        // A reply that was overtaken by a later one: the supply never falls.
        if (known?.shuts === shuts() && known.supply > supply) return;
        known = { supply, shuts: shuts(), refusals: 0, isLoading: false, loadedAt: Number.POSITIVE_INFINITY };
        coupons.set(path, known, { size: COUPON_BYTES });
      }
      // A call that was sent before the last holder was read says nothing about holders that were read after it.
      if (refusal.since > known.loadedAt) known.confirmed = refusal;
      if (known.isLoading || loads >= MAX_LOADS || ++known.refusals * HOLDERS_PER_REFUSAL < supply) return;
      known.isLoading = true;
      loads++;
      load(coupon, known)
        // Redis does not reply. The coupon is known again, without a filter, with its next refusal.
        .catch(() => coupons.delete(path))
        .finally(() => loads--);
    },
    has: (path) => coupons.has(path),
    delete: (path) => void coupons.delete(path),
  };
}
