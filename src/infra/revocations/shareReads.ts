import { setImmediate as nextTurn } from 'node:timers/promises';

/**
 * Calls that come while a read is under way share the next one, so that each call gets a read that began after it, and at most one read
 * is under way.
 */
export function shareReads(read: () => Promise<void>): () => Promise<void> {
  let next: Promise<void> | undefined;
  let last: Promise<void> = Promise.resolve();
  const readAfter = async (before: Promise<void>) => {
    await before;
    // Calls of one turn of the event loop share a read as well.
    await nextTurn();
    next = undefined;
    await read();
  };
  return () => {
    if (next !== undefined) return next;
    next = readAfter(last);
    last = next.catch(() => {});
    return next;
  };
}
