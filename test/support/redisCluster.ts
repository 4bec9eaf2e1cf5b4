import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import calculateSlot from 'cluster-key-slot';
import type { Closer } from '../../src/infra/closers.ts';
import type { createCertificates } from './certificates.ts';
import { type ClusterNode, clusterIsWhole, findMaster, findReplicas, SLOTS, until } from './clusterNodes.ts';
import { cutReplicaLink, failOverByHand, meet, moveSlots, rollRestart, type SlotMove } from './clusterOperations.ts';
import { freePort } from './freePort.ts';
import { type Access, createRedisServer, storeSettings } from './redisServer.ts';

const MASTERS = 3;
const OPERATOR_PASSWORD = 'operators-of-the-tests';
/** A replica takes over 1 to 2 s after its master has been silent for this long. */
const NODE_TIMEOUT_MS = 2_000;

interface Options {
  /** How many replicas a master must have to take a write. */
  minReplicas?: 0 | 1;
  /** The user of the app, with the rules of its ACL line. The operators of the tests then have a password as well. */
  user?: { name: string; password: string; rules: string };
  /** All connections use TLS, also those between the nodes. */
  certificates?: Awaited<ReturnType<typeof createCertificates>>;
}

export interface RedisCluster {
  /** For REDIS_URL. */
  url: string;
  /** The nodes that were started at first, and those that were added. */
  nodes: readonly ClusterNode[];
  masterOf(slot: number): Promise<ClusterNode>;
  /** The master that the coupons of a partition are stored on. */
  masterOfPartition(partition: number): Promise<ClusterNode>;
  replicasOf(master: ClusterNode): Promise<ClusterNode[]>;
  /** Resolves when every node answers, every slot has one master, and every replica is in sync. */
  whole(): Promise<void>;
  failOverByHand(replica: ClusterNode): Promise<void>;
  cutReplicaLink(master: ClusterNode): Promise<() => Promise<void>>;
  moveSlots(move: SlotMove): Promise<void>;
  /** One node more, a master without slots. */
  addMaster(): Promise<ClusterNode>;
  rollRestart(): Promise<void>;
}

export const slotOfPartition = (partition: number) => calculateSlot(`{${partition}}`);

/** A real Redis Cluster of three masters with a replica each, on free ports with folders of their own. */
export async function openRedisCluster(options: Options = {}): Promise<{ cluster: RedisCluster; close: Closer }> {
  const folder = mkdtempSync(join(tmpdir(), 'seckill-cluster-'));
  const access = accessOf(options);
  const nodes: ClusterNode[] = [];
  const startNode = async () => {
    const [port, busPort] = [await freePort(), await freePort()];
    const settings = settingsOf(options, port, busPort);
    const node = { ...createRedisServer({ parent: folder, port, settings, access }), id: '', busPort };
    nodes.push(node);
    await node.start();
    node.id = String(await node.send('CLUSTER', 'MYID'));
    return node;
  };
  const close: Closer = async () => {
    for (const node of nodes) await node.kill();
    rmSync(folder, { recursive: true, force: true });
  };
  const cluster: RedisCluster = {
    url: urlOf(options, []),
    nodes,
    masterOf: (slot) => findMaster(nodes, slot),
    masterOfPartition: (partition) => findMaster(nodes, slotOfPartition(partition)),
    replicasOf: (master) => findReplicas(nodes, master),
    whole: () => clusterIsWhole(nodes),
    failOverByHand,
    cutReplicaLink: (master) => cutReplicaLink(nodes, master),
    moveSlots: (move) => moveSlots(nodes, access, move),
    async addMaster() {
      const others = [...nodes];
      const node = await startNode();
      await meet(others, [node]);
      // Until then the newcomer takes no keys.
      await clusterIsWhole(nodes);
      return node;
    },
    rollRestart: () => rollRestart(nodes),
  };
  try {
    for (let i = 0; i < 2 * MASTERS; i++) await startNode();
    await form(nodes);
  } catch (error) {
    await close();
    throw error;
  }
  return { cluster: { ...cluster, url: urlOf(options, nodes) }, close };
}

/** The first three nodes share the slots, and each of the others becomes a replica of one of them. */
async function form(nodes: readonly ClusterNode[]): Promise<void> {
  const masters = nodes.slice(0, MASTERS);
  const firstSlot = (place: number) => Math.floor((place * SLOTS) / MASTERS);
  for (const [place, master] of masters.entries()) {
    const range = [firstSlot(place), firstSlot(place + 1) - 1].map(String);
    await master.send('CLUSTER', 'ADDSLOTSRANGE', ...range);
    await master.send('CLUSTER', 'SET-CONFIG-EPOCH', String(place + 1));
  }
  await meet(nodes.slice(0, 1), nodes.slice(1));
  for (const [place, replica] of nodes.slice(MASTERS).entries())
    await until('a replica knows its master', async () => {
      const done = await replica.send('CLUSTER', 'REPLICATE', masters[place]?.id ?? '').catch(() => undefined);
      return done === 'OK';
    });
  await clusterIsWhole(nodes);
}

function settingsOf({ minReplicas = 0, user, certificates }: Options, port: number, busPort: number) {
  const operator = user && { requirepass: OPERATOR_PASSWORD, masterauth: OPERATOR_PASSWORD };
  const tls = certificates && {
    port: 0,
    'tls-port': port,
    'tls-cluster': 'yes',
    'tls-replication': 'yes',
    'tls-ca-cert-file': certificates.ca,
    'tls-cert-file': certificates.serverCert,
    'tls-key-file': certificates.serverKey,
    'tls-auth-clients': 'no',
    // The certificate is for a name, so clients are sent to the name.
    'cluster-announce-hostname': 'localhost',
    'cluster-preferred-endpoint-type': 'hostname',
  };
  return {
    ...storeSettings,
    'cluster-enabled': 'yes',
    'cluster-port': busPort,
    'cluster-node-timeout': NODE_TIMEOUT_MS,
    'cluster-require-full-coverage': 'no',
    'cluster-allow-reads-when-down': 'no',
    'min-replicas-to-write': minReplicas,
    ...operator,
    ...(user && { [`user ${user.name}`]: `on ${JSON.stringify(`>${user.password}`)} ${user.rules}` }),
    ...tls,
  };
}

function accessOf({ user, certificates }: Options): Access {
  return {
    ...(user && { username: 'default', password: OPERATOR_PASSWORD }),
    ...(certificates && { tls: { ca: readFileSync(certificates.ca), servername: 'localhost' } }),
  };
}

function urlOf({ user, certificates }: Options, nodes: readonly ClusterNode[]): string {
  const scheme = certificates === undefined ? 'redis+cluster' : 'rediss+cluster';
  const login = user === undefined ? '' : `${user.name}:${encodeURIComponent(user.password)}@`;
  const host = certificates === undefined ? '127.0.0.1' : 'localhost';
  const query = certificates === undefined ? '' : `?ca=${encodeURIComponent(certificates.ca)}`;
  return `${scheme}://${login}${nodes.map(({ port }) => `${host}:${port}`).join()}${query}`;
}
