/** Reads the key, or shares a read of it. All reads of one key must be equal: the read that runs is that of one of the requests. */
export type ShareRead<Result> = (key: string, read: () => Promise<Result>) => Promise<Result>;

/**
 * Lets requests for the same key share one read. A read is sent at the end of a turn of the event loop, or when the read of this key
 * that is under way has ended. All requests that arrive until it is sent share it, and later requests share the next one. So no
 * result is older than the request that gets it, and a key has one read under way and one that waits, however many requests arrive.
 */
export function createSharedReads<Result>(): ShareRead<Result> {
  const waiting = new Map<string, Promise<Result>>();
  /** For each key, a promise that resolves when its read has ended, successful or not. */
  const underWay = new Map<string, Promise<void>>();

  /** One for all keys: their reads start together, so that they can share commands. */
  let turnEnd: Promise<void> | undefined;
  const endOfTurn = () => {
    turnEnd ??= new Promise((resolve) =>
      setImmediate(() => {
        turnEnd = undefined;
        resolve();
      }),
    );
    return turnEnd;
  };

  const start = async (key: string, read: () => Promise<Result>): Promise<Result> => {
    await (underWay.get(key) ?? endOfTurn());
    waiting.delete(key);
    let end = () => {};
    underWay.set(key, new Promise((resolve) => (end = resolve)));
    try {
      return await read();
    } finally {
      underWay.delete(key);
      end();
    }
  };
  return (key, read) => {
    const shared = waiting.get(key);
    if (shared !== undefined) return shared;
    const next = start(key, read);
    waiting.set(key, next);
    return next;
  };
}
