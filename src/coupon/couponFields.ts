import type { CouponState } from './state.ts';

/**
 * The hash of a coupon in Redis, as the scripts keep it: every value is a text, and a field that has its usual value is absent. So the
 * hash of a coupon without a window, limit or change has the same bytes as in the first releases.
 */
export function couponFields(state: CouponState): Record<string, string> {
  const { coupon, version, phase, amount, left, stock, description, perCustomer, released, redeemed } = state;
  const { startsAt, endsAt, validFrom, validUntil } = state;
  const fields: Record<string, string | number | undefined> = {
    ...coupon,
    amount,
    stock,
    description,
    left,
    version,
    startsAt,
    endsAt,
    validFrom,
    validUntil,
    perCustomer: perCustomer === 1 ? undefined : perCustomer,
    phase: phase === 'open' ? undefined : phase,
    released: released === 0 ? undefined : released,
    redeemed: redeemed === 0 ? undefined : redeemed,
  };
  const present = Object.entries(fields).filter(([, value]) => value !== undefined);
  return Object.fromEntries(present.map(([field, value]) => [field, String(value)]));
}
