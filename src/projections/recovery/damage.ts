/** The log contradicts itself, and an operator has to mend it. */
export class DamageError extends Error {}
