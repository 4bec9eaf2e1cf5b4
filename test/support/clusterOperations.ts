import { type ClusterNode, clusterIsWhole, findReplicas, readStates, until } from './clusterNodes.ts';
import type { Access, Command } from './redisServer.ts';

// What operators do with a Redis Cluster, command by command, as redis-cli would do it.

const KEYS_AT_ONCE = 100;
const MIGRATE_LIMIT_MS = '5000';

/** CLUSTER FAILOVER: the replica takes over from its master, which lives and agrees. Resolves when the replica is the master. */
export async function failOverByHand(replica: ClusterNode): Promise<void> {
  // The master refuses while another failover has not been heard of by all.
  await until('a failover by hand', async () => {
    await replica.send('CLUSTER', 'FAILOVER').catch(() => {});
    return isMaster(replica);
  });
}

const isMaster = async (node: ClusterNode) => (await readStates([node])).some((state) => state.isMaster);

export interface SlotMove {
  slots: readonly number[];
  from: ClusterNode;
  to: ClusterNode;
  /** Called when the first keys of a slot have moved and others may not have: the master of the slot answers ASK for these. */
  halfway?(slot: number): Promise<void>;
  keysAtOnce?: number;
}

/** Moves slots with their keys from one master to another while clients use them. */
export async function moveSlots(nodes: readonly ClusterNode[], access: Access, move: SlotMove): Promise<void> {
  const { slots, from, to, halfway, keysAtOnce = KEYS_AT_ONCE } = move;
  const login = access.username === undefined ? [] : ['AUTH2', access.username, access.password ?? ''];
  for (const slot of slots) {
    await to.send('CLUSTER', 'SETSLOT', String(slot), 'IMPORTING', from.id);
    await from.send('CLUSTER', 'SETSLOT', String(slot), 'MIGRATING', to.id);
    for (let turn = 0; ; turn++) {
      const keys = (await from.send('CLUSTER', 'GETKEYSINSLOT', String(slot), String(keysAtOnce))) as string[];
      if (keys.length === 0) break;
      const target: Command = ['MIGRATE', '127.0.0.1', String(to.port), '', '0', MIGRATE_LIMIT_MS];
      await from.send(...target, ...login, 'KEYS', ...keys);
      if (turn === 0) await halfway?.(slot);
    }
    // The new owner first: should it fail, no node sends clients to a master that does not have the slot.
    await to.send('CLUSTER', 'SETSLOT', String(slot), 'NODE', to.id);
    for (const { node, isMaster } of await readStates(nodes))
      if (isMaster && node !== to)
        await node.send('CLUSTER', 'SETSLOT', String(slot), 'NODE', to.id).catch(mustBeReplica);
  }
}

/** A master that has heard of the move of its last slot is a replica of the new owner by then. */
function mustBeReplica(error: Error): void {
  if (!error.message.includes('only with masters')) throw error;
}

/**
 * Restarts every node, one at a time, as for an upgrade: the replicas first; then each master hands over to its replica before it stops,
 * so that no slot is without a master.
 */
export async function rollRestart(nodes: readonly ClusterNode[]): Promise<void> {
  const restart = async (node: ClusterNode) => {
    await node.stop();
    await node.start();
    await clusterIsWhole(nodes);
  };
  const states = await readStates(nodes);
  for (const { node } of states.filter((state) => !state.isMaster)) await restart(node);
  for (const { node, slots } of states.filter((state) => state.isMaster)) {
    const [replica] = await findReplicas(nodes, node);
    if (replica !== undefined && slots.length > 0) await failOverByHand(replica);
    await restart(node);
  }
}

/**
 * Cuts the link of replication from a master to its replicas, which the rest of the cluster does not notice: the replicas try to log in
 * with a password that is wrong, so that they get nothing more. A frozen replica would find what the master sent meanwhile in the
 * buffers of its socket. Resolves to what mends the link.
 */
export async function cutReplicaLink(nodes: readonly ClusterNode[], master: ClusterNode): Promise<() => Promise<void>> {
  const replicas = await findReplicas(nodes, master);
  const wrong = ['CONFIG', 'SET', 'masterauth', 'a wrong password'] as const;
  const passwords = await Promise.all(replicas.map((replica) => replica.send('CONFIG', 'GET', 'masterauth')));
  await Promise.all(replicas.map((replica) => replica.send(...wrong)));
  await Promise.all(replicas.map((replica) => replica.send('CLIENT', 'KILL', 'TYPE', 'master')));
  await until('the link is cut', async () => {
    const info = String(await master.send('INFO', 'replication'));
    return info.includes('connected_slaves:0');
  });
  return async () => {
    const mend = replicas.map(async (replica, place) => {
      const [, password = ''] = (passwords[place] as string[] | undefined) ?? [];
      await replica.send('CONFIG', 'SET', 'masterauth', password);
    });
    await Promise.all(mend);
  };
}

/** Makes nodes known to a cluster, of which one node is enough: it tells the others. Resolves when all know all. */
export async function meet(known: readonly ClusterNode[], newcomers: readonly ClusterNode[]): Promise<void> {
  const [first] = known;
  if (first === undefined) throw new Error('there is no cluster');
  for (const { port, busPort } of newcomers)
    await first.send('CLUSTER', 'MEET', '127.0.0.1', String(port), String(busPort));
  const nodes = [...known, ...newcomers];
  await until('the nodes have met', async () => {
    const infos = await Promise.all(nodes.map((node) => node.send('CLUSTER', 'INFO')));
    return infos.every((info) => String(info).includes(`cluster_known_nodes:${nodes.length}\r`));
  });
}
