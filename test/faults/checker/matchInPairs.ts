/**
 * Pairs as many of the first list as possible with an item of the second list, each item in one pair at most. An item that comes
 * earlier in the first list keeps a partner when it had one (augmenting paths of a bipartite graph).
 */
export function matchInPairs<A, B>(
  firsts: readonly A[],
  seconds: readonly B[],
  canPair: (first: A, second: B) => boolean,
): Map<A, B> {
  const partners = new Map<B, A>();
  const seconded = new Map<A, B>();
  const findPartner = (first: A, tried: Set<B>): boolean => {
    for (const second of seconds) {
      if (tried.has(second) || !canPair(first, second)) continue;
      tried.add(second);
      const other = partners.get(second);
      if (other !== undefined && !findPartner(other, tried)) continue;
      partners.set(second, first);
      seconded.set(first, second);
      return true;
    }
    return false;
  };
  for (const first of firsts) findPartner(first, new Set());
  return seconded;
}
