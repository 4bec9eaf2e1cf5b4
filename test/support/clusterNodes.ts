import { setTimeout as sleep } from 'node:timers/promises';
import type { RedisServer } from './redisServer.ts';

export const SLOTS = 16_384;

/** A node of a Redis Cluster. */
export interface ClusterNode extends RedisServer {
  /** The name that the other nodes know it by, which it keeps over a restart. */
  id: string;
  /** Where the nodes talk to each other. */
  busPort: number;
}

/** What one node says of itself. */
export interface NodeState {
  node: ClusterNode;
  isMaster: boolean;
  /** The id of its master; '-' for a master. */
  masterId: string;
  epoch: number;
  slots: readonly (readonly [first: number, last: number])[];
}

/** What every node says of itself. A node that is killed or frozen says nothing and is left out. */
export async function readStates(nodes: readonly ClusterNode[]): Promise<NodeState[]> {
  const states = await Promise.all(nodes.map((node) => readState(node).catch(() => undefined)));
  return states.filter((state) => state !== undefined);
}

async function readState(node: ClusterNode): Promise<NodeState> {
  const lines = String(await node.send('CLUSTER', 'NODES')).split('\n');
  const [, , flags = '', masterId = '', , , epoch, , ...slots] =
    lines.find((line) => line.includes('myself'))?.split(' ') ?? [];
  return {
    node,
    isMaster: flags.includes('master'),
    masterId,
    epoch: Number(epoch),
    // A slot on the move stands in brackets beside the ranges.
    slots: slots
      .filter((range) => !range.startsWith('['))
      .map((range) => range.split('-').map(Number))
      .map(([first = 0, last = first]) => [first, last] as const),
  };
}

export const hasSlot = ({ slots }: NodeState, slot: number) =>
  slots.some(([first, last]) => first <= slot && slot <= last);

/** The master of a slot. A master that was replaced and does not know it yet says so with an older epoch. */
export async function findMaster(nodes: readonly ClusterNode[], slot: number): Promise<ClusterNode> {
  const states = await readStates(nodes);
  const [newest] = states
    .filter((state) => state.isMaster && hasSlot(state, slot))
    .sort((one, other) => other.epoch - one.epoch);
  if (newest === undefined) throw new Error(`no master has slot ${slot}`);
  return newest.node;
}

export async function findReplicas(nodes: readonly ClusterNode[], master: ClusterNode): Promise<ClusterNode[]> {
  const states = await readStates(nodes);
  return states.filter(({ masterId }) => masterId === master.id).map(({ node }) => node);
}

/**
 * Resolves when all of these nodes say that the cluster is whole and know each other, every slot has one master that knows to be it, and
 * every replica is in sync.
 */
export async function clusterIsWhole(nodes: readonly ClusterNode[]): Promise<void> {
  await until('the cluster is whole', async () => {
    const whole = await Promise.all(nodes.map((node) => isWhole(node, nodes.length)));
    const states = await readStates(nodes);
    if (whole.includes(false) || states.length < nodes.length) return false;
    const masters = states.filter(({ isMaster }) => isMaster);
    // A master that was replaced and does not know it counts its slots as well.
    const slots = masters.flatMap((state) => state.slots).reduce((sum, [first, last]) => sum + last - first + 1, 0);
    if (slots !== SLOTS) return false;
    const inSync = await Promise.all(
      masters.map(async ({ node }) => {
        const replicas = states.filter(({ masterId }) => masterId === node.id).length;
        return (await replicasOnline(node)) === replicas;
      }),
    );
    return !inSync.includes(false) && (await linksAreUp(states));
  });
}

async function isWhole(node: ClusterNode, known: number): Promise<boolean> {
  const info = String(await node.send('CLUSTER', 'INFO').catch(() => ''));
  const view = String(await node.send('CLUSTER', 'NODES').catch(() => 'fail'));
  return (
    info.includes('cluster_state:ok') &&
    info.includes(`cluster_slots_ok:${SLOTS}`) &&
    info.includes(`cluster_known_nodes:${known}\r`) &&
    // A node that others hold for failed cannot take part in a failover.
    !/fail|handshake|noaddr/.test(view)
  );
}

async function replicasOnline(master: ClusterNode): Promise<number> {
  const info = String(await master.send('INFO', 'replication').catch(() => ''));
  return (info.match(/state=online/g) ?? []).length;
}

async function linksAreUp(states: readonly NodeState[]): Promise<boolean> {
  const replicas = states.filter(({ isMaster }) => !isMaster);
  const infos = await Promise.all(replicas.map(({ node }) => node.send('INFO', 'replication').catch(() => '')));
  return infos.every((info) => String(info).includes('master_link_status:up'));
}

export async function until(what: string, isSo: () => Promise<boolean>, limitMs = 30_000): Promise<void> {
  for (const limit = Date.now() + limitMs; !(await isSo()); await sleep(50))
    if (Date.now() > limit) throw new Error(`not in time: ${what}`);
}
