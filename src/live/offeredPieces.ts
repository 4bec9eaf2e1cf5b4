/** Further pieces are forgotten until the next reading of Redis: then some grabs may count for the minute before their own. */
const MAX_ADDITIONS = 10_000;

/**
 * The pieces that a coupon has offered up to each version: all pieces, plus those that customers gave back. Without those that are left,
 * they are the pieces that were grabbed. Messages may arrive twice, late or in another order than the events.
 */
export interface OfferedPieces {
  /** `pieces` were added by the event of this version, a restock or a release. */
  add(version: number, pieces: number): void;
  /** The sum after this version, as read from Redis. */
  setSum(version: number, sum: number): void;
  /** The sum after this version, as far as it is known. */
  at(version: number): number;
  /** Forgets what only versions before this one need. */
  forgetBefore(version: number): void;
}

export function createOfferedPieces(version: number, sum: number): OfferedPieces {
  let known = { version, sum };
  const additions = new Map<number, number>();
  return {
    add(addedBy, pieces) {
      if (additions.size < MAX_ADDITIONS) additions.set(addedBy, pieces);
    },
    setSum(readAt, newSum) {
      if (readAt >= known.version) known = { version: readAt, sum: newSum };
    },
    at(asked) {
      let offered = known.sum;
      for (const [addedBy, pieces] of additions) {
        if (addedBy > known.version && addedBy <= asked) offered += pieces;
        else if (addedBy <= known.version && addedBy > asked) offered -= pieces;
      }
      return offered;
    },
    forgetBefore(before) {
      for (const addedBy of additions.keys())
        if (addedBy <= before && addedBy <= known.version) additions.delete(addedBy);
    },
  };
}
