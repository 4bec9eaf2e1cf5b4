/** What a grab is decided as: the values of the header `Grab-Outcome`. */
export const grabOutcomes = [
  'grabbed',
  'already-grabbed',
  'sold-out',
  'no-such-coupon',
  'not-started',
  'ended',
  'paused',
  'closed',
] as const;
