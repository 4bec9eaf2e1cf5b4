import { wholeNumber } from './kinds.ts';

// What one user and one address may ask for, and may leave in Redis.

export const floodSettings = {
  REQUESTS_PER_USER: wholeNumber(0, 1_000_000_000, 2_000).describe(
    'Requests with tokens of one user in 10 seconds, counted by each server process; over it, the answer is 429; `0` sets no limit.',
  ),
  REQUESTS_PER_ADDRESS: wholeNumber(0, 1_000_000_000, 100_000).describe(
    'The same for one address (IPv6: a /64 network), which many customers may share; behind a proxy, set `TRUST_PROXY`.',
  ),
  IDEMPOTENCY_KEYS_PER_CUSTOMER: wholeNumber(1, 1_000_000_000, 2_000).describe(
    'New idempotency keys that one customer may use in 25 hours; over it, a request with a new key gets 429.',
  ),
  IDEMPOTENCY_KEYS_PER_SELLER: wholeNumber(1, 1_000_000_000, 100_000).describe('The same for one seller.'),
  COUPONS_PER_SELLER: wholeNumber(1, 1_000_000_000, 100_000).describe(
    'Coupons that one seller may have, closed ones too; over it, a creation gets 409.',
  ),
};
