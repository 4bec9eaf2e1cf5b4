import calculateSlot from 'cluster-key-slot';
import { allPartitions, keys, PARTITIONS } from '../keys.ts';
import { type Master, type Masters, noMaster } from './masters.ts';
import { SLOTS } from './slotMap.ts';

/** What one Redis has of the write model: all of it, or the share of a master of a Redis Cluster. */
export interface DataSet {
  partitions(): readonly number[];
  /** Whether the key belongs to this Redis. */
  has(key: string): boolean;
  /** False for a master that was demoted, or whose slots have all gone to others. */
  hasSlots(): boolean;
  /**
   * The key that says by whom the whole data set was reconciled, which processes of older releases read; undefined on a Redis Cluster,
   * where these releases cannot work and the fences say it.
   */
  marker: string | undefined;
  /** The rows of the table `lease` that guard the partitions. */
  leaseRows(): readonly number[];
}

/** A single Redis has everything. One row guards all partitions, as in the first releases. */
export const wholeDataSet: DataSet = {
  partitions: () => allPartitions,
  has: () => true,
  hasSlots: () => true,
  marker: keys.marker,
  leaseRows: () => [1],
};

const slotsOfPartitions = allPartitions.map((partition) => calculateSlot(keys.fence(partition)));
export const slotOfPartition = (partition: number) => slotsOfPartitions[partition] as number;

/** What the master has at the moment: on a Redis Cluster, slots go from one master to another. */
export function dataSetOf(masters: Masters, master: Master): DataSet {
  if (masters.isSingle) return wholeDataSet;
  const partitions = () => allPartitions.filter((partition) => masters.ofSlot(slotOfPartition(partition)) === master);
  return {
    partitions,
    has: (key) => masters.ofSlot(calculateSlot(key)) === master,
    hasSlots() {
      for (let slot = 0; slot < SLOTS; slot++) if (masters.ofSlot(slot) === master) return true;
      return false;
    },
    marker: undefined,
    leaseRows: () => partitions().map(leaseRowOf),
  };
}

/** A hash tag whose keys belong to this Redis. Throws Unavailable (src/unavailable.ts) while no key does. */
export function tagIn({ partitions, has, hasSlots }: DataSet): string {
  const [partition] = partitions();
  if (partition !== undefined) return String(partition);
  if (!hasSlots()) throw noMaster();
  // A master of a large Redis Cluster may have no partition, and has some of the slots.
  for (let i = 0; ; i++) if (has(keys.replicated(`tag${i}`))) return `tag${i}`;
}

/** The row of a partition on a Redis Cluster, where a process may decide for one partition while another one is reconciled. */
export const leaseRowOf = (partition: number) => 2 + partition;
export const LEASE_ROWS = 1 + PARTITIONS;
