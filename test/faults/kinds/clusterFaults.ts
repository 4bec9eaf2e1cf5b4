import { setTimeout as sleep } from 'node:timers/promises';
import { allPartitions } from '../../../src/infra/keys.ts';
import { type ClusterNode, readStates, until } from '../../support/clusterNodes.ts';
import { type RedisCluster, slotOfPartition } from '../../support/redisCluster.ts';
import type { FaultContext, FaultKind } from './faultKind.ts';

// Faults of a Redis Cluster of three masters with a replica each, on which two applications sell. A grab is answered as a success only
// when the replica of its master has it, so a failover loses no success; a decision that nobody was answered for may be lost.

const topology = () => ({ apps: 2, store: 'cluster' as const });
const tolerance = { redisLosesData: true };
/** As long as the link of a replica is cut before its master dies. */
const CUT_MS = 400;

function clusterOf({ stack: { cluster } }: FaultContext): RedisCluster {
  if (cluster === undefined) throw new Error('the topology has no Redis Cluster');
  return cluster;
}

/** A master that has partitions, its replica, and one of the partitions. */
async function pickPair(context: FaultContext) {
  const cluster = clusterOf(context);
  const partition = context.random.pick(allPartitions);
  const master = await cluster.masterOfPartition(partition);
  const [replica] = await cluster.replicasOf(master);
  if (replica === undefined) throw new Error('the master has no replica');
  return { cluster, partition, master, replica };
}

const takenOver = (cluster: RedisCluster, partition: number, by: ClusterNode) =>
  until('the replica takes over', async () => (await cluster.masterOfPartition(partition).catch(() => {})) === by);

const kinds: readonly FaultKind[] = [
  {
    name: 'cluster-master-killed',
    async inject(context) {
      const { cluster, partition, master, replica } = await pickPair(context);
      await master.kill();
      await takenOver(cluster, partition, replica);
      // Only now the new master has a replica that confirms its grabs.
      await master.start();
      await cluster.whole();
    },
  },
  {
    name: 'cluster-master-frozen',
    async inject(context) {
      const { cluster, partition, master, replica } = await pickPair(context);
      master.freeze();
      await takenOver(cluster, partition, replica);
      await context.pace.rush();
      master.thaw();
      await cluster.whole();
    },
  },
  {
    name: 'cluster-link-cut',
    async inject(context) {
      const { cluster, partition, master, replica } = await pickPair(context);
      const mend = await cluster.cutReplicaLink(master);
      await sleep(CUT_MS);
      await master.kill();
      await mend();
      await takenOver(cluster, partition, replica);
      await master.start();
      await cluster.whole();
    },
  },
  {
    // What the dead master and the dead applications alone had is lost, and nobody was answered for it.
    name: 'cluster-all-killed',
    async inject(context) {
      const { cluster, partition, master, replica } = await pickPair(context);
      const { apps, mariadb } = context.stack;
      mariadb.freeze();
      const mend = await cluster.cutReplicaLink(master);
      await context.pace.rush();
      await Promise.all([master.kill(), ...apps.map((app) => app.kill())]);
      mariadb.thaw();
      await mend();
      await takenOver(cluster, partition, replica);
      await master.start();
      await Promise.all(apps.map((app) => context.stack.restartApp(app)));
      await cluster.whole();
    },
  },
  {
    name: 'cluster-reshard',
    async inject(context) {
      const { cluster, partition, master } = await pickPair(context);
      const masters = (await readStates(cluster.nodes)).filter(({ isMaster }) => isMaster).map(({ node }) => node);
      const to = context.random.pick(masters.filter((other) => other !== master));
      const slot = slotOfPartition(partition);
      const owners = await Promise.all(
        [slot + 1, slot + 2].map(async (other) => [other, await cluster.masterOf(other)]),
      );
      const others = owners.flatMap(([other, owner]) => (owner === master ? [other as number] : []));
      await cluster.moveSlots({
        slots: [slot, ...others],
        from: master,
        to,
        keysAtOnce: 5,
        halfway: () => context.pace.rush(),
      });
      await cluster.whole();
    },
  },
  {
    name: 'cluster-failover-by-hand',
    async inject(context) {
      const { cluster, replica } = await pickPair(context);
      await cluster.failOverByHand(replica);
      await cluster.whole();
    },
  },
  { name: 'cluster-rolling-restart', inject: (context) => clusterOf(context).rollRestart() },
];

export const clusterFaults = kinds.map((kind): FaultKind => ({ ...kind, topology, tolerance }));
