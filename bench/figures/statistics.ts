/** The median of each number, however deep it lies. */
export function medianOf<T>(values: T[]): T {
  const [first] = values;
  if (typeof first === 'number') {
    const sorted = (values as number[]).toSorted((a, b) => a - b);
    const middle = (sorted.length - 1) / 2;
    return (((sorted[Math.floor(middle)] ?? 0) + (sorted[Math.ceil(middle)] ?? 0)) / 2) as T;
  }
  if (first === undefined || first === null || typeof first !== 'object') return first as T;
  return Object.fromEntries(
    Object.keys(first).map((key) => [key, medianOf(values.map((one) => one[key as keyof T]))]),
  ) as T;
}
