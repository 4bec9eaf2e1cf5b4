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

/** The terms that a customer's list shows. */
export type ShownTerms = Pick<Terms, 'stock' | 'description' | 'validFrom' | 'validUntil'>;

export interface CouponTerms {
  /** The terms in the order of the coupons. Throws when neither the memory nor the write model has one of the coupons. */
  read(coupons: readonly CouponName[]): Promise<ShownTerms[]>;
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
  const remembered = createLRU<string, { terms: ShownTerms; shuts: number; until: number }>({ max: MAX_REMEMBERED });
  return {
    async read(coupons) {
      const shuts = gate.shuts();
      // Taken before Redis is read, so that the time on the way to Redis and back counts.
      const readAt = now();
      const paths = coupons.map(couponPath);
      const terms = new Map<string, ShownTerms>();
      for (const path of paths) {
        const known = remembered.get(path);
        if (known?.shuts === shuts && readAt < known.until) terms.set(path, known.terms);
      }
      const missing = new Map(coupons.map((coupon, place) => [paths[place] as string, coupon] as const));
      for (const path of terms.keys()) missing.delete(path);
      const { read } = await readCoupons(redis, [...missing.values()], fields);
      for (const [place, path] of [...missing.keys()].entries()) {
        const found = termsIn(read[place] as (typeof read)[number]);
        terms.set(path, found);
        if (found.description.length <= MAX_DESCRIPTION)
          remembered.set(path, { terms: found, shuts, until: readAt + REMEMBERED_MS });
      }
      return paths.map((path) => terms.get(path) as ShownTerms);
    },
  };
}

const fields = ['stock', 'description', 'validFrom', 'validUntil'] as const;

const termsIn = ({ stock, description, validFrom, validUntil }: Record<(typeof fields)[number], string>) => ({
  stock: Number(stock),
  description,
  validFrom: numberIn(validFrom),
  validUntil: numberIn(validUntil),
});
