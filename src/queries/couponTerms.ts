import type { Redis } from 'ioredis';
import { createLRU } from 'lru.min';
import type { Gate } from '../infra/gate.ts';
import { type CouponName, couponPath } from '../infra/keys.ts';
import { readCoupons } from './readCoupons.ts';

/** Limits the memory to 20 MB. Coupons with a longer description are not remembered. */
const MAX_REMEMBERED = 10_000;
const MAX_DESCRIPTION = 1_000;

/** The fields of a coupon that no grab changes. */
export interface Terms {
  /** Face value. */
  stock: number;
  description: string;
}

export interface CouponTerms {
  /** The terms in the order of the coupons. Throws when neither the memory nor the write model has one of the coupons. */
  read(coupons: readonly CouponName[]): Promise<Terms[]>;
}

/**
 * Remembers terms, so that a customer's list costs one command to Redis. No command changes terms. Only a replaced Redis may have
 * another coupon of the same name, and replacing Redis shuts the gate, so terms are valid for one count of shuts.
 */
export function createCouponTerms({ redis, gate }: { redis: Redis; gate: Gate }): CouponTerms {
  const remembered = createLRU<string, { terms: Terms; shuts: number }>({ max: MAX_REMEMBERED });
  return {
    async read(coupons) {
      const shuts = gate.shuts();
      const terms = coupons.map((coupon) => {
        const found = remembered.get(couponPath(coupon));
        return found?.shuts === shuts ? found.terms : undefined;
      });
      const missing = [...terms.keys()].filter((place) => terms[place] === undefined);
      const toRead = missing.map((place) => coupons[place] as CouponName);
      const read = missing.length === 0 ? [] : await readCoupons(redis, toRead, ['stock', 'description']);
      for (const [at, { stock, description }] of read.entries()) {
        const [place, coupon] = [missing[at] as number, toRead[at] as CouponName];
        const found = { stock: Number(stock), description };
        terms[place] = found;
        if (description.length <= MAX_DESCRIPTION) remembered.set(couponPath(coupon), { terms: found, shuts });
      }
      return terms as Terms[];
    },
  };
}
