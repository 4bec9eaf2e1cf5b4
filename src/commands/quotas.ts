import type { Kind } from '../infra/tokens.ts';

/** What one user may leave in Redis. The scripts count it, so the numbers hold for all processes together. */
export interface Quotas {
  /** New idempotency keys in the time that a claim is kept. */
  keys: Record<Kind, number>;
  couponsPerSeller: number;
}

/** For tools and tests that decide without a server. */
export const UNLIMITED: Quotas = {
  keys: { customer: Number.MAX_SAFE_INTEGER, seller: Number.MAX_SAFE_INTEGER },
  couponsPerSeller: Number.MAX_SAFE_INTEGER,
};
