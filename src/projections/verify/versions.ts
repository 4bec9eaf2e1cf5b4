/** A range of versions, both ends inclusive. */
export interface Versions {
  from: number;
  to: number;
}

/** The events of a coupon that are in the outbox. */
export interface InOutbox {
  versions: Versions[];
  /** Whether one of them is more than a grab or an event about a piece. */
  hasChanges: boolean;
}

/** The number of versions of a range that are in other ranges, and the ranges of the versions that are not. */
export function partRange({ from, to }: Versions, ranges: readonly Versions[]): { found: number; missing: Versions[] } {
  const missing: Versions[] = [];
  let next = from;
  let found = 0;
  for (const range of [...ranges].sort((a, b) => a.from - b.from)) {
    const [first, last] = [Math.max(range.from, next), Math.min(range.to, to)];
    if (first > last) continue;
    if (first > next) missing.push({ from: next, to: first - 1 });
    found += last - first + 1;
    next = last + 1;
  }
  if (next <= to) missing.push({ from: next, to });
  return { found, missing };
}
