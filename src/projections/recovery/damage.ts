/** The log contradicts itself: somebody has to look. */
export class DamageError extends Error {}
