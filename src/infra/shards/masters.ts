import type { Redis } from 'ioredis';
import { Unavailable } from '../../unavailable.ts';
import type { Closer } from '../closers.ts';
import type { connectRedis } from './connectRedis.ts';

/** A Redis that decides: the only one, the one that sentinels name, or a master of a Redis Cluster. */
export interface Master {
  /** `host:port` of a master of a Redis Cluster. */
  name: string;
  /** Commands are sent once. It reconnects by itself. */
  redis: Redis;
  /** Another connection to the same Redis; it is not connected yet. */
  connect: () => ReturnType<typeof connectRedis>;
}

export interface Masters {
  /** Whether there is one master for ever: a single Redis, or the one that sentinels name. */
  isSingle: boolean;
  /** On a Redis Cluster they come and go. */
  all(): readonly Master[];
  /** Undefined for a slot that no master is known to have. */
  ofSlot(slot: number): Master | undefined;
  /** A connection to any of the masters, for messages, which a Redis Cluster gives to all of its nodes. */
  connectAnywhere: Master['connect'];
  /** The listener is called after masters came, went, or exchanged slots. */
  onChange(listener: () => void): void;
}

const NO_MASTER = 'no master of the Redis Cluster is known to have this key';
export const noMaster = () => new Unavailable(NO_MASTER);

/** The masters of a single Redis: one that has every slot for ever. */
export function onlyMaster(redis: Redis, connect: Master['connect']): Masters {
  const master: Master = { name: 'Redis', redis, connect };
  return { isSingle: true, all: () => [master], ofSlot: () => master, connectAnywhere: connect, onChange() {} };
}

export interface OpenedMasters {
  masters: Masters;
  /** Sends each command to the master that has its key. */
  redis: Redis;
  close: Closer;
}
