import { Unavailable } from '../../unavailable.ts';

/** The weight of the newest duration in the moving average: a burst corrects the estimate within some twenty hashes. */
const NEWEST_WEIGHT = 0.1;

export interface HashLine {
  /** Runs the work when its turn comes; throws Unavailable when the line is full of others. `client`: the address of the client. */
  run<T>(client: string, work: () => Promise<T>): Promise<T>;
}

interface Turn {
  start(): void;
  refuse(error: Unavailable): void;
}

/**
 * Runs password hashes, at most `threads` at a time, with at most `maxWaiting` behind them. Clients take turns, one hash each, so a
 * client with a single log-in waits for one hash of each other client, however many hashes one of them has sent. When the line is
 * full, the client with the most waiting hashes loses its newest one.
 * `expectedMs` is the duration of one hash until the first ones are measured with `now`, in milliseconds.
 */
export function createHashLine({
  threads,
  maxWaiting,
  expectedMs,
  now = () => performance.now(),
}: {
  threads: number;
  maxWaiting: number;
  expectedMs: number;
  now?: () => number;
}): HashLine {
  /** By client. The first client has the next turn. */
  const waiting = new Map<string, Turn[]>();
  let waitingCount = 0;
  let running = 0;
  let meanMs = expectedMs;

  const tooMany = () => {
    const secondsToDrain = ((waitingCount + running) * meanMs) / threads / 1_000;
    return new Unavailable('too many log-ins at once', Math.max(1, Math.ceil(secondsToDrain)));
  };
  /** Refuses the newest hash of the client that has the most, if it has more than `client` would have. */
  const makeRoom = (client: string) => {
    const own = waiting.get(client)?.length ?? 0;
    let most: Turn[] = [];
    // A client with its share of the line or more is refused without a search, because a flood would cost one for each request.
    if (own * waiting.size < waitingCount)
      for (const turns of waiting.values()) if (turns.length > most.length) most = turns;
    if (most.length <= own + 1) throw tooMany();
    most.pop()?.refuse(tooMany());
    waitingCount--;
  };
  const ownTurn = (client: string) =>
    new Promise<void>((start, refuse) => {
      const turns = waiting.get(client);
      if (turns === undefined) waiting.set(client, [{ start, refuse }]);
      else turns.push({ start, refuse });
      waitingCount++;
    });
  const startNext = () => {
    const [first] = waiting;
    if (first === undefined) return running--;
    const [client, turns] = first;
    const turn = turns.shift();
    waiting.delete(client);
    if (turns.length > 0) waiting.set(client, turns);
    waitingCount--;
    turn?.start();
  };

  return {
    async run(client, work) {
      // A finished hash passes its place on to the next one that waits, so `running` stays as it is and no newcomer overtakes.
      if (running < threads) running++;
      else {
        if (waitingCount >= maxWaiting) makeRoom(client);
        await ownTurn(client);
      }
      const started = now();
      try {
        return await work();
      } finally {
        meanMs += NEWEST_WEIGHT * (now() - started - meanMs);
        startNext();
      }
    },
  };
}
