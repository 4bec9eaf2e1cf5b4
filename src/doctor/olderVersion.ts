/** Compares the numbers at the start of a version. */
export function isOlder(version: string, oldest: readonly number[]): boolean {
  const numbers = version.split(/[.-]/, oldest.length).map(Number);
  for (const [place, limit] of oldest.entries()) {
    const number = numbers[place] ?? 0;
    if (number !== limit) return !(number > limit);
  }
  return false;
}
