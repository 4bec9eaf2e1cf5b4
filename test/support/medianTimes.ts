/**
 * The median duration of each work in milliseconds. The works run in turns, and each round begins with another one, so that other load on
 * the machine slows all of them alike.
 */
export async function medianTimes<Name extends string>(
  rounds: number,
  works: Record<Name, () => Promise<unknown>>,
): Promise<Record<Name, number>> {
  const timed = Object.entries<() => Promise<unknown>>(works).map(([name, work]) => ({
    name,
    work,
    times: [] as number[],
  }));
  for (let round = 0; round < rounds; round++) {
    for (const { work, times } of round % 2 === 0 ? timed : timed.toReversed()) {
      const started = performance.now();
      await work();
      times.push(performance.now() - started);
    }
  }
  const medians = timed.map(({ name, times }) => [name, times.sort((a, b) => a - b)[rounds >> 1]]);
  return Object.fromEntries(medians) as Record<Name, number>;
}
