/** The median of each number in the values, at any depth. */
export function medianOf<T>(values: T[]): T {
  const [first] = values;
  if (typeof first === 'number') {
    const sorted = (values as number[]).toSorted((a, b) => a - b);
    const middle = (sorted.length - 1) / 2;
    return (((sorted[Math.floor(middle)] ?? 0) + (sorted[Math.ceil(middle)] ?? 0)) / 2) as T;
  }
  if (first === undefined || first === null || typeof first !== 'object') return first as T;
  return Object.fromEntries(
    Object.keys(first).map((key) => [key, medianOf(values.map((value) => value[key as keyof T]))]),
  ) as T;
}

/** The smallest of the sorted values that this share of the values does not exceed; 0 if there are none. */
export const percentile = (sorted: ArrayLike<number>, share: number) =>
  sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? 0;
