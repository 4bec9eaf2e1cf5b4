import { createConnection } from 'mysql2/promise';
import type { Closer } from '../../../src/infra/closers.ts';
import { ensurePrograms } from '../../../src/infra/local/install.ts';
import { type GaleraNode, openGaleraNodes, PASSWORD } from '../../galera/galeraNodes.ts';
import { until } from '../../support/until.ts';

/** Three nodes of Galera in the place of the one MySQL. Each application has an account of its own, so that its node can be found. */
export interface GaleraStore {
  nodes: readonly [GaleraNode, GaleraNode, GaleraNode];
  /** Each application begins at another node: its list of hosts begins there. */
  url(database: string, application: number): string;
  createDatabase(name: string): Promise<void>;
  /** The node that the application uses. Every node answers while this is asked. */
  nodeOf(application: number): Promise<GaleraNode>;
  /** Keeps the projections of the applications on this node waiting, until the result is called. */
  holdProjections(node: GaleraNode, database: string): Promise<Closer>;
  /**
   * Resolves when the others have given up the node that was killed. One that comes back before that may leave all nodes without a
   * majority, since the members of the group are counted anew while they change.
   */
  goneOnWithout(node: GaleraNode): Promise<void>;
  /** Resolves when all nodes are members again and take writes. */
  whole(): Promise<void>;
}

const account = (application: number) => `app${application}`;

export async function openGaleraStore(
  folder: string,
  applications: number,
  announce: (line: string) => void,
): Promise<{ store: GaleraStore; close: Closer }> {
  ensurePrograms(['libgalera_smm.so'], announce);
  const { one, two, three, close } = await openGaleraNodes(folder);
  const nodes = [one, two, three] as const;
  for (let application = 0; application < applications; application++)
    await one.run(
      `CREATE USER ${account(application)}@'127.0.0.1' IDENTIFIED BY '${PASSWORD}'`,
      `GRANT ALL ON *.* TO ${account(application)}@'127.0.0.1'`,
    );
  const url = (database: string, application: number) => {
    const hosts = nodes.map((_, place) => `127.0.0.1:${nodes[(place + application) % 3]?.port}`);
    return `mysql://${account(application)}:${encodeURIComponent(PASSWORD)}@${hosts.join()}/${database}`;
  };
  const connectionsOf = async (application: number, node: GaleraNode) => {
    const sql = `SELECT COUNT(*) AS count FROM information_schema.processlist WHERE user = '${account(application)}'`;
    return Number((await node.run(sql))[0]?.count);
  };
  const isMemberOf = (size: number) => async (node: GaleraNode) => {
    const rows = await node.run(
      "SHOW STATUS WHERE Variable_name IN ('wsrep_cluster_size', 'wsrep_local_state_comment', 'wsrep_ready')",
    );
    return [String(size), 'Synced', 'ON'].every((value) => rows.some(({ Value }) => Value === value));
  };
  const areMembers = async (members: readonly GaleraNode[]) =>
    (await Promise.all(members.map(isMemberOf(members.length)))).every(Boolean);
  const store: GaleraStore = {
    nodes,
    url,
    async createDatabase(name) {
      await store.whole();
      await one.run(`CREATE DATABASE ${name}`);
    },
    async nodeOf(application) {
      const counts = await Promise.all(nodes.map((node) => connectionsOf(application, node)));
      return nodes[counts.indexOf(Math.max(...counts))] ?? one;
    },
    async holdProjections({ port }, database) {
      const holder = await createConnection({
        ...{ host: '127.0.0.1', port, user: account(0), password: PASSWORD, database },
      });
      await holder.query('START TRANSACTION');
      await holder.query('SELECT id FROM projection_pause WHERE id = 1 FOR UPDATE');
      return () => holder.destroy();
    },
    goneOnWithout: (node) =>
      until('the other nodes of Galera go on', () => areMembers(nodes.filter((other) => other !== node))),
    whole: () => until('all nodes of Galera are members', () => areMembers(nodes)),
  };
  return { store, close };
}
