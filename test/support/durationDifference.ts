const MOST_SERIES = 5;
/** The share of the tries that count: the fastest. */
const SHARE = 0.1;

/**
 * By how much the durations of two works differ, as a share of the second: the longest of the fastest tenth of `tries` of each, or, while
 * they differ by `limit` or more, of up to five times as many. Other load on the machine only makes a try longer, and most tries on a busy
 * one, so medians differ by chance; in its fastest tries, each work has the processor for itself, and a real difference stays. The works
 * run in turns, and each turn begins with the other one, so that load slows both alike.
 */
export async function durationDifference(
  { tries, limit }: { tries: number; limit: number },
  ...works: [() => Promise<unknown>, () => Promise<unknown>]
): Promise<number> {
  const timed = works.map((work) => ({ work, times: [] as number[] }));
  const durationOf = (place: number) =>
    timed[place]?.times.toSorted((a, b) => a - b)[Math.floor(timed[place].times.length * SHARE)] ?? 0;
  let difference = Number.POSITIVE_INFINITY;
  for (let series = 0; series < MOST_SERIES && difference >= limit; series++) {
    for (let turn = 0; turn < tries; turn++) {
      for (const { work, times } of turn % 2 === 0 ? timed : timed.toReversed()) {
        const started = performance.now();
        await work();
        times.push(performance.now() - started);
      }
    }
    difference = Math.abs(durationOf(0) / durationOf(1) - 1);
  }
  return difference;
}
