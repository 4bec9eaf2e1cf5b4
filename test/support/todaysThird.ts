const DAY_MS = 86_400_000;

/** A third of a list, another one each day, so that three days in a row have all of it: what is too long to run on every change. */
export function todaysThird<T>(all: readonly T[], now = Date.now()): T[] {
  const today = Math.floor(now / DAY_MS) % 3;
  return all.filter((_, place) => place % 3 === today);
}
