const MOST_SERIES = 5;

/**
 * By how much the median durations of two works differ, as a share of the second: after `tries` of each, or, while they differ by `limit`
 * or more, after up to five times as many. Other load on the machine makes medians differ by chance; this fades with more tries, and a
 * real difference stays. The works run in turns, and each turn begins with the other one, so that load slows both alike.
 */
export async function medianDifference(
  { tries, limit }: { tries: number; limit: number },
  ...works: [() => Promise<unknown>, () => Promise<unknown>]
): Promise<number> {
  const timed = works.map((work) => ({ work, times: [] as number[] }));
  const medianOf = (place: number) =>
    timed[place]?.times.toSorted((a, b) => a - b)[timed[place].times.length >> 1] ?? 0;
  let difference = Number.POSITIVE_INFINITY;
  for (let series = 0; series < MOST_SERIES && difference >= limit; series++) {
    for (let turn = 0; turn < tries; turn++) {
      for (const { work, times } of turn % 2 === 0 ? timed : timed.toReversed()) {
        const started = performance.now();
        await work();
        times.push(performance.now() - started);
      }
    }
    difference = Math.abs(medianOf(0) / medianOf(1) - 1);
  }
  return difference;
}
