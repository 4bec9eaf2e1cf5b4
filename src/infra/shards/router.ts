import calculateSlot from 'cluster-key-slot';
import { type ChainableCommander, type Command, Redis } from 'ioredis';
import { type Master, noMaster } from './masters.ts';

type Call = [name: string, args: unknown[]];
type Methods = Record<string, (...args: unknown[]) => unknown>;

/**
 * A client that has no connection of its own: it gives each command to the connection of the master that has its key, which sends it
 * once. So the rest of the program speaks to a Redis Cluster as it does to one Redis. `masterOf` may throw Unavailable (src/unavailable.ts).
 * `any` gets the commands without a key.
 */
export function createRouter(masterOf: (slot: number) => Master | undefined, any: () => Master | undefined): Redis {
  const router = new Redis({ lazyConnect: true, enableOfflineQueue: false });
  const targetOf = (slot: number | null): Redis => {
    const master = slot === null ? any() : masterOf(slot);
    if (master === undefined) throw noMaster();
    return master.redis;
  };
  router.sendCommand = (command, stream) => {
    let target: Redis;
    try {
      target = targetOf(slotOf(command));
    } catch (error) {
      command.reject(error as Error);
      return command.promise;
    }
    return target.sendCommand(command, stream);
  };
  router.pipeline = (() => recorder(sendEach)) as typeof router.pipeline;
  router.multi = (() => recorder(sendTogether)) as typeof router.multi;
  Object.defineProperty(router, 'status', { get: () => any()?.redis.status ?? 'end', set() {} });

  /** The connections gather what is sent in one turn of the event loop, so a command for itself costs no more than in a pipeline. */
  const sendEach = async (calls: readonly Call[]) => {
    const methods = router as unknown as Methods;
    const replies = await Promise.allSettled(calls.map(async ([name, args]) => methods[name]?.(...args)));
    return replies.map((reply) => (reply.status === 'fulfilled' ? [null, reply.value] : [reply.reason, undefined]));
  };
  /** The commands of a transaction have one key, or keys of one slot. */
  const sendTogether = async (calls: readonly Call[]) => {
    const [first] = calls;
    if (first === undefined) return [];
    const transaction = targetOf(calculateSlot(String(first[1][0]))).multi();
    for (const [name, args] of calls) (transaction as unknown as Methods)[name]?.(...args);
    return transaction.exec();
  };
  return router;
}

const slotOf = (command: Command) => (command as unknown as { getSlot(): number | null }).getSlot();

/** Stands for a pipeline or a transaction: keeps its commands until `exec`. */
function recorder(send: (calls: readonly Call[]) => Promise<unknown>): ChainableCommander {
  const calls: Call[] = [];
  const stand: ChainableCommander = new Proxy({} as ChainableCommander, {
    get(_, name) {
      if (name === 'length') return calls.length;
      if (name === 'exec') return () => send(calls);
      return (...args: unknown[]) => {
        calls.push([String(name), args]);
        return stand;
      };
    },
  });
  return stand;
}
