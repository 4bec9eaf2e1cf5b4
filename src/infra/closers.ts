import { setTimeout as sleep } from 'node:timers/promises';

/** Closes something that was opened. Called at most once. */
export type Closer = () => Promise<void> | void;

/** Closes, but waits no longer than this for something that is stuck. False when it was. */
export async function closeWithin(ms: number, close: Closer): Promise<boolean> {
  const limit = new AbortController();
  const stuck = sleep(ms, false, { signal: limit.signal }).catch(() => false);
  try {
    return await Promise.race([Promise.resolve(close()).then(() => true), stuck]);
  } finally {
    limit.abort();
  }
}

/** Remembers how to close what was just opened. */
type Remember = (close: Closer) => void;

/**
 * Opens several things, one after the other; each is remembered as soon as it is open. When one fails to open, those before
 * it are closed. The result closes everything, the last opened first.
 */
export async function openAll<T extends object>(
  open: (remember: Remember) => Promise<T>,
): Promise<T & { close: Closer }> {
  const stack: Closer[] = [];
  // One that fails doesn't keep the others open; the first failure is thrown at the end.
  const close = async () => {
    const failures: unknown[] = [];
    for (let closer = stack.pop(); closer; closer = stack.pop()) {
      try {
        await closer();
      } catch (failure) {
        failures.push(failure);
      }
    }
    if (failures.length > 0) throw failures[0];
  };
  try {
    return { ...(await open((closer) => stack.push(closer))), close };
  } catch (error) {
    await close();
    throw error;
  }
}
