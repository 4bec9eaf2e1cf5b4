import { setTimeout as sleep } from 'node:timers/promises';

/** Closes a resource. Called at most once. */
export type Closer = () => Promise<void> | void;

/** Runs the closer, and waits for it no longer than `ms`. False when the closer did not finish in time. */
export async function closeWithin(ms: number, close: Closer): Promise<boolean> {
  const limit = new AbortController();
  const timeout = sleep(ms, false, { signal: limit.signal }).catch(() => false);
  try {
    return await Promise.race([Promise.resolve(close()).then(() => true), timeout]);
  } finally {
    limit.abort();
  }
}

/** Takes the closer of the resource that was just opened. */
type Remember = (close: Closer) => void;

/**
 * Opens several resources in sequence; `open` passes each closer to `remember` as soon as its resource is open. When one fails to
 * open, the resources before it are closed. The result closes all of them in reverse order.
 */
export async function openAll<T extends object>(
  open: (remember: Remember) => Promise<T>,
): Promise<T & { close: Closer }> {
  const stack: Closer[] = [];
  // A closer that fails does not keep the other resources open; the first failure is thrown at the end.
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
