import { setTimeout as sleep } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import { OperatorError } from '../../operatorError.ts';
import type { Closer } from '../closers.ts';
import type { RedisAddress } from '../stores/redisUrl.ts';
import type { Log } from '../telemetry/log.ts';
import { causeOf, connectRedis } from './connectRedis.ts';
import type { Master, Masters, OpenedMasters } from './masters.ts';
import { sendsOnceToOwner } from './redirections.ts';
import { createRouter } from './router.ts';
import { type NodeAddress, nameOf, readSlots, type SlotMap } from './slotMap.ts';

const LOOK_EVERY_MS = 1_000;
const ANSWER_LIMIT_MS = 1_000;

interface OpenMaster extends Master {
  address: NodeAddress;
  close: Closer;
}

/**
 * The masters of a Redis Cluster, each with a connection of its own. All of them are asked each second, and after a redirection, which
 * slots they have; the answer with the highest epoch counts, since a master that was replaced and does not know of it has a lower one.
 * Throws OperatorError when no node answers at the start.
 */
export async function openClusterMasters(
  { seeds, ...login }: Omit<RedisAddress, 'seeds'> & { seeds: readonly NodeAddress[] },
  log: Log,
): Promise<OpenedMasters> {
  const connect = (address: NodeAddress) => connectRedis({ ...login, ...address }, log);
  const open = new Map<string, OpenMaster>();
  let slots: readonly (OpenMaster | undefined)[] = [];
  let others = seeds;
  let closed = false;
  let looking: Promise<void> | undefined;
  let turn = 0;
  const listeners: (() => void)[] = [];

  const add = (name: string, address: NodeAddress): OpenMaster => {
    const { redis, close } = connect(address);
    sendsOnceToOwner(redis, lookNow);
    redis.on('close', lookNow);
    redis.connect().catch(() => {});
    const master = { name, address, redis, connect: () => connect(address), close };
    open.set(name, master);
    log.info({ master: name }, 'a master of the Redis Cluster is in use');
    return master;
  };
  const leave = (master: OpenMaster) => {
    log.info({ master: master.name }, 'a master of the Redis Cluster has no slots any more');
    master.redis.stream?.destroy();
    return master.close();
  };
  const use = ({ masters, owners, replicas }: SlotMap) => {
    if (closed) return;
    others = [...seeds, ...replicas];
    const before = slots;
    for (const [name, address] of masters) if (!open.has(name)) add(name, address);
    slots = owners.map((name) => (name === undefined ? undefined : open.get(name)));
    const gone = [...open.values()].filter(({ name }) => !masters.has(name));
    for (const { name } of gone) open.delete(name);
    // The gates are shut before the connections end.
    if (gone.length > 0 || slots.some((master, slot) => master !== before[slot]))
      for (const listener of listeners) listener();
    for (const master of gone) void leave(master);
  };

  const look = async () => {
    const answers = await Promise.allSettled([...open.values()].map(({ redis, address }) => ask(redis, address)));
    const newest = newestOf(answers);
    if (newest !== undefined) return use(newest.map);
    const found = await askOthers(others, connect);
    if ('map' in found) use(found.map);
    else throw found.error;
  };
  const lookOnce = () => (looking ??= look().finally(() => (looking = undefined)));
  const lookNow = () => {
    if (!closed)
      lookOnce().catch((err) => log.debug({ err }, 'reading the slots of the Redis Cluster failed; retrying'));
  };

  const found = await askOthers(seeds, connect);
  if ('error' in found)
    throw new OperatorError(
      `REDIS_URL: cannot reach a node of the Redis Cluster: ${causeOf(found.error, login.tls !== undefined)}`,
    );
  use(found.map);
  await Promise.allSettled([...open.values()].map(({ redis }) => isReady(redis)));
  const timer = setInterval(lookNow, LOOK_EVERY_MS);

  const anyMaster = () => {
    const all = [...open.values()];
    return all.find(({ redis }) => redis.status === 'ready') ?? all[0];
  };
  const masters: Masters = {
    isSingle: false,
    all: () => [...open.values()],
    ofSlot: (slot) => slots[slot],
    // A lost connection goes to the next of the masters.
    connectAnywhere() {
      const next = () => {
        const ready = [...open.values()].filter(({ redis }) => redis.status === 'ready');
        return ready[turn++ % ready.length]?.address;
      };
      return connectRedis({ ...login, ...(next() ?? seeds[0]) }, log, next);
    },
    onChange: (listener) => void listeners.push(listener),
  };
  const close: Closer = async () => {
    closed = true;
    clearInterval(timer);
    await Promise.all([...open.values()].map((master) => master.close()));
  };
  return { masters, redis: createRouter((slot) => slots[slot], anyMaster), close };
}

interface Answer {
  map: SlotMap;
  epoch: number;
}

async function ask(redis: Redis, asked: NodeAddress): Promise<Answer> {
  if (redis.status !== 'ready') throw new Error(`${nameOf(asked)} is not connected`);
  const late = new AbortController();
  const limit = sleep(ANSWER_LIMIT_MS, undefined, { signal: late.signal }).then(() => {
    throw new Error(`${nameOf(asked)} does not answer`);
  });
  limit.catch(() => {});
  try {
    const [slots, info] = await Promise.race([Promise.all([redis.cluster('SLOTS'), redis.cluster('INFO')]), limit]);
    const [, epoch] = /^cluster_current_epoch:(\d+)/m.exec(String(info)) ?? [];
    return { map: readSlots(slots, asked), epoch: Number(epoch ?? 0) };
  } finally {
    late.abort();
  }
}

function newestOf(answers: readonly PromiseSettledResult<Answer>[]): Answer | undefined {
  let newest: Answer | undefined;
  for (const answer of answers)
    if (answer.status === 'fulfilled' && answer.value.epoch > (newest?.epoch ?? -1)) newest = answer.value;
  return newest;
}

/** Asks one node after the other, each on a connection for this question alone. */
async function askOthers(
  nodes: readonly NodeAddress[],
  connect: (address: NodeAddress) => ReturnType<typeof connectRedis>,
): Promise<Answer | { error: Error }> {
  let error = new Error('REDIS_URL names no node');
  for (const address of nodes) {
    const { redis, lastError, close } = connect(address);
    try {
      await redis.connect();
      const answer = await ask(redis, address);
      if (answer.map.masters.size > 0) return answer;
      error = new Error(`${nameOf(address)} knows of no slots`);
    } catch (failure) {
      error = lastError() ?? (failure as Error);
    } finally {
      await close();
    }
  }
  return { error };
}

/** Resolves when the first attempt to connect has succeeded or failed. */
const isReady = (redis: Redis) =>
  new Promise<void>((resolve) => {
    if (redis.status === 'ready') return resolve();
    redis.once('ready', resolve);
    redis.once('close', resolve);
  });
