import type { Redis } from 'ioredis';
import { keys } from '../keys.ts';
import type { DataSet } from '../shards/dataSet.ts';

/** What a Redis says about itself and about its copies. */
export interface ReplicationInfo {
  isMaster: boolean;
  /** Names the history of the data: a start, a promotion and the first replica of a Redis each begin a new one. */
  replid: string;
  /** Whether this Redis was a replica of another one before. */
  wasPromoted: boolean;
  /** The connected replicas that have all data up to a moment ago. */
  replicas: { host: string; port: number }[];
}

const NO_ID = /^0*$/;

export async function readReplication(redis: Redis): Promise<ReplicationInfo> {
  const info = await redis.info('replication');
  const field = (name: string) => new RegExp(`^${name}:(\\S*)`, 'm').exec(info)?.[1] ?? '';
  const replid = field('master_replid');
  if (replid === '') throw new Error('INFO of Redis has no master_replid');
  const replicas = [...info.matchAll(/^slave\d+:ip=([^,]*),port=(\d+),state=online/gm)];
  return {
    isMaster: field('role') === 'master',
    replid,
    wasPromoted: !NO_ID.test(field('master_replid2')),
    replicas: replicas.map(([, host = '', port]) => ({ host, port: Number(port) })),
  };
}

/** What reconcile leaves in Redis when it has succeeded. */
export interface Standing {
  /** Whether this very Redis was reconciled, and has neither been replaced, emptied nor promoted since then. */
  stands: boolean;
  /** Whether a process of an older release reconciled it. Such a process writes the run id into the fences, too. */
  isOfOlderRelease: boolean;
  replication: ReplicationInfo;
}

/**
 * Each fence holds the replication id of the Redis that was reconciled, and the marker of a single Redis its run id. `partitions`: those
 * that this Redis has.
 */
export async function readStanding(redis: Redis, { partitions, marker: markerKey }: DataSet): Promise<Standing> {
  const [runId, replication, marker, ...fences] = await Promise.all([
    readRunId(redis),
    readReplication(redis),
    markerKey === undefined ? null : redis.get(markerKey),
    ...partitions().map((partition) => redis.get(keys.fence(partition))),
  ]);
  const { replid, wasPromoted } = replication;
  const isMarked = markerKey === undefined || marker === runId;
  return {
    stands: isMarked && fences.every((fence) => fence === replid),
    isOfOlderRelease: isMarked && !wasPromoted && fences.every((fence) => fence === replid || fence === runId),
    replication,
  };
}

export async function readRunId(redis: Redis): Promise<string> {
  const [, runId] = /^run_id:(\w+)/m.exec(await redis.info('server')) ?? [];
  if (runId === undefined) throw new Error('INFO of Redis has no run_id');
  return runId;
}
