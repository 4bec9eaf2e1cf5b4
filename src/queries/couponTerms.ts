import type { Redis } from 'ioredis';
import { createLRU } from 'lru.min';
import type { Terms } from '../coupon/state.ts';
import type { Gate } from '../infra/gate.ts';
import { type CouponName, couponPath } from '../infra/keys.ts';
import { numberIn, readCoupons } from './readCoupons.ts';

/** Limits the memory to 20 MB. Coupons with a longer description are not remembered. */
const MAX_REMEMBERED = 10_000;
const MAX_DESCRIPTION = 1_000;
/** A change of terms in any process must show within a second. */
const REMEMBERED_MS = 900;

/** What a customer's list needs of a coupon. */
export interface ShownTerms extends Pick<Terms, 'stock' | 'description' | 'validFrom' | 'validUntil'> {
  /** Whether a code of the coupon has been redeemed. Until then, a list need not look for redemptions of its pieces. */
  hasRedemptions: boolean;
}

export interface CouponTerms {
  /** The terms in the order of the coupons. Throws when neither the memory nor the write model has one of the coupons. */
  read(coupons: readonly CouponName[]): Promise<ShownTerms[]>;
  /** Called for changes that this process decided, so that its lists show them at once. */
  forget(): void;
}

/**
 * Remembers terms for less than a second, so that a customer's list seldom reads coupons. Only a replaced Redis may have another
 * coupon of the same name, and replacing Redis shuts the gate, so terms are also valid for one count of shuts only. `now` is a
 * monotonic time in milliseconds.
 */
export function createCouponTerms(
  { redis, gate }: { redis: Redis; gate: Gate },
  now = () => performance.now(),
): CouponTerms {
  const remembered = createLRU<string, { terms: ShownTerms; version: number; until: number }>({ max: MAX_REMEMBERED });
  let changes = 0;
  return {
    forget: () => void changes++,
    async read(coupons) {
      const version = gate.shuts() + changes;
      // Taken before Redis is read, so that the time on the way to Redis and back counts.
      const readAt = now();
      const paths = coupons.map(couponPath);
      const terms = new Map<string, ShownTerms>();
      for (const path of paths) {
        const known = remembered.get(path);
        if (known?.version === version && readAt < known.until) terms.set(path, known.terms);
      }
      const missing = new Map(coupons.map((coupon, place) => [paths[place] as string, coupon] as const));
      for (const path of terms.keys()) missing.delete(path);
      const { read } = await readCoupons(redis, [...missing.values()], fields);
      for (const [place, path] of [...missing.keys()].entries()) {
        const found = termsIn(read[place] as (typeof read)[number]);
        terms.set(path, found);
        if (found.description.length <= MAX_DESCRIPTION)
          remembered.set(path, { terms: found, version, until: readAt + REMEMBERED_MS });
      }
      return paths.map((path) => terms.get(path) as ShownTerms);
    },
  };
}

const fields = ['stock', 'description', 'validFrom', 'validUntil', 'redeemed'] as const;

const termsIn = (read: Record<(typeof fields)[number], string>): ShownTerms => ({
  stock: Number(read.stock),
  description: read.description,
  validFrom: numberIn(read.validFrom),
  validUntil: numberIn(read.validUntil),
  hasRedemptions: Number(read.redeemed) > 0,
});
