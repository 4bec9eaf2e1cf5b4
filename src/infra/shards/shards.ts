import { setTimeout as sleep } from 'node:timers/promises';
import calculateSlot from 'cluster-key-slot';
import type { Redis } from 'ioredis';
import { OperatorError } from '../../operatorError.ts';
import type { Closer } from '../closers.ts';
import type { Standing } from '../fence.ts';
import { createGates, type Gate } from '../gate.ts';
import { allPartitions } from '../keys.ts';
import type { RedisClock } from '../stores/redisClock.ts';
import type { Log } from '../telemetry/log.ts';
import { dataSetOf, slotOfPartition } from './dataSet.ts';
import { type Master, noMaster, type OpenedMasters } from './masters.ts';
import { createRouter } from './router.ts';
import { openShard, type Shard, type ShardDeps } from './shard.ts';

/** The Redis, or the masters of a Redis Cluster, that this process decides on. */
export interface Shards {
  /** The shard that decides for the partition. Throws Unavailable (src/unavailable.ts) while none is known. */
  of(partition: number): Shard;
  all(): readonly Shard[];
  /** Sends each command to the shard that has its key, while the gate of this shard is open. A single Redis is used as it is. */
  redis: Redis;
  /** Shut for a reason of the process, or while the gates of all shards are shut. */
  gate: Gate;
  /** The partitions whose grabs get 503, because their Redis is unknown, shut, or lacks replicas. */
  shutPartitions(): readonly number[];
  /** Whether all shards are open and have enough replicas. */
  areWhole(): boolean;
  /** Throws Unavailable while no open shard has enough replicas. */
  mustBeEnoughReplicas(): void;
  /** That of a shard that is open, for times that are only shown. */
  clock: RedisClock;
  fence: Standing;
  /**
   * Resolves when the shards of these keys have replicated all that was written before. Undefined for a single Redis, where one stream
   * replicates the keys and the outbox in their order.
   */
  confirmed: ((writtenKeys: readonly string[]) => Promise<void>) | undefined;
}

const REACHED_EVERY_MS = 20;

interface Opened {
  shard: Shard;
  close: Closer;
  release: () => Promise<void>;
  partitions: readonly number[];
}

export interface OpeningShards extends ShardDeps {
  /** Resolves when MySQL has what this process has decided in these partitions. */
  applied: (partitions: readonly number[]) => Promise<void>;
}

/**
 * The shards follow the masters: a new master gets a shard, which is reconciled before its gate opens; a shard that has other partitions
 * than before is reconciled again; that of a master that is gone is closed.
 * `release` runs after MySQL has the decisions of this process, `close` before: until `release`, the leases say that it may not have them.
 */
export function createShards({ masters, redis, log }: Pick<OpenedMasters, 'masters' | 'redis'> & { log: Log }) {
  const opened = new Map<Master, Opened>();
  const leaving = new Set<Opened>();
  let closing = false;
  const { gate, ofShard } = createGates(log);
  const ofSlot = (slot: number): Opened => {
    const master = masters.ofSlot(slot);
    const found = master === undefined ? undefined : opened.get(master);
    if (found === undefined) throw noMaster();
    return found;
  };
  const all = () => [...opened.values()].map(({ shard }) => shard);
  const oneOpen = () => all().find(({ gate: own }) => own.isOpen()) ?? all()[0];

  const add = (master: Master, deps: OpeningShards) => {
    const dataSet = dataSetOf(masters, master);
    const { gate: own, remove: removeGate } = ofShard(master.name);
    const { shard, close: closeShard, release } = openShard(master, dataSet, own, deps);
    const close = async () => {
      own.shut('this Redis is in use no more');
      removeGate();
      await closeShard();
    };
    let released: Promise<void> | undefined;
    const releaseOnce = () => (released ??= Promise.resolve(release()));
    opened.set(master, { shard, close, release: releaseOnce, partitions: dataSet.partitions() });
    return shard;
  };
  const isReached = (partition: number) => masters.ofSlot(slotOfPartition(partition))?.redis.status === 'ready';
  const leave = async (one: Opened, { applied }: OpeningShards) => {
    try {
      await one.close();
      await applied(one.partitions);
      // Until then the new master stays shut, so that no list is read there that this process cannot write.
      while (!closing && !one.partitions.every(isReached)) await sleep(REACHED_EVERY_MS);
      await one.release();
    } catch (err) {
      log.warn({ err, shard: one.shard.name }, 'leaving a shard failed');
    } finally {
      leaving.delete(one);
    }
  };
  const follow = (deps: OpeningShards) => {
    const present = masters.all();
    for (const [master, one] of opened) {
      if (present.includes(master)) continue;
      opened.delete(master);
      leaving.add(one);
      void leave(one, deps);
    }
    for (const one of opened.values()) {
      const { shard } = one;
      const partitions = shard.dataSet.partitions();
      if (partitions.join() === one.partitions.join()) continue;
      one.partitions = partitions;
      shard.fence.shut();
    }
    for (const master of present) if (!opened.has(master)) add(master, deps);
  };

  const shards: Shards = {
    of: (partition) => ofSlot(slotOfPartition(partition)).shard,
    all,
    gate,
    redis: masters.isSingle
      ? redis
      : createRouter(
          (slot) => {
            ofSlot(slot).shard.gate.mustBeOpen();
            return masters.ofSlot(slot);
          },
          () => masters.all().find((master) => opened.get(master)?.shard === oneOpen()),
        ),
    clock: clockOf(oneOpen),
    fence: {
      async mustStand(key) {
        if (key !== undefined) return ofSlot(calculateSlot(key)).shard.fence.mustStand();
        const concerned = masters.isSingle ? all() : all().filter(({ gate: own }) => own.isOpen());
        await Promise.all(concerned.map(({ fence }) => fence.mustStand()));
      },
    },
    shutPartitions: () =>
      allPartitions.filter((partition) => {
        const master = masters.ofSlot(slotOfPartition(partition));
        const found = master === undefined ? undefined : opened.get(master)?.shard;
        return !(found?.gate.isOpen() && found.replicas.areEnough());
      }),
    areWhole: () => all().every(({ gate: own, replicas }) => own.isOpen() && replicas.areEnough()),
    mustBeEnoughReplicas() {
      const open = all().filter(({ gate: own }) => own.isOpen());
      const isEnough = open.some(({ replicas }) => replicas.areEnough());
      if (!isEnough) open[0]?.replicas.mustBeEnough();
    },
    confirmed: masters.isSingle
      ? undefined
      : async (writtenKeys) => {
          const written = new Set(writtenKeys.map((key) => ofSlot(calculateSlot(key)).shard));
          await Promise.all([...written].map(({ replicas }) => replicas.confirm()));
        },
  };
  /**
   * Opens a shard for each master. Resolves when one of them takes grabs; the others are reconciled in the background. Throws the error of
   * a setting that an operator has to mend.
   */
  const open = async (deps: OpeningShards): Promise<void> => {
    const first = masters.all().map((master) => add(master, deps));
    masters.onChange(() => follow(deps));
    const results = await Promise.allSettled(first.map((shard) => shard.opened));
    const failures = results.flatMap((result) => (result.status === 'rejected' ? [result.reason] : []));
    const failure = failures.find((error) => error instanceof OperatorError);
    if (failure !== undefined || failures.length === results.length) throw failure ?? failures[0] ?? noMaster();
    for (const [place, { status }] of results.entries()) if (status === 'rejected') first[place]?.fence.shut();
    // Whether enough replicas confirm is known then. Without them the start goes on, and grabs get 503.
    await Promise.allSettled(first.map(({ replicas }) => replicas.confirm()));
  };
  const close: Closer = async () => {
    closing = true;
    for (const one of opened.values()) await one.close();
  };
  const release: Closer = async () => {
    await Promise.all([...opened.values(), ...leaving].map((one) => one.release()));
  };
  return { shards, open, close, release };
}

/** Times are those of the process while no Redis is known. */
const clockOf = (shard: () => Shard | undefined): RedisClock => ({
  earliest: () => shard()?.clock.earliest() ?? Date.now() * 1_000,
  latest: () => shard()?.clock.latest() ?? Number.POSITIVE_INFINITY,
  deadline: (ms) => shard()?.clock.deadline(ms) ?? '0',
  measure: async () => shard()?.clock.measure(),
});
