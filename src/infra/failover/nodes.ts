import { setTimeout as sleep } from 'node:timers/promises';
import type { Connection } from 'mysql2';
import { OperatorError } from '../../operatorError.ts';
import type { Closer } from '../closers.ts';
import { isNodeFault } from '../stores/mysqlErrors.ts';
import { type MysqlOptions, parseMysqlHosts } from '../stores/mysqlUrl.ts';
import type { Log } from '../telemetry/log.ts';
import { probe, type Unusable } from './probe.ts';

// Several hosts in MYSQL_URL are nodes with the same data. A process uses one of them for all of its connections, so that the row
// locks that its connections take meet on one server.

const ASK_EVERY_MS = 1_000;
const SHORTEST_GAP_MS = 200;
/** How long an earlier host of the list must be usable before the process returns to it: a node that restarts may fail again. */
const RETURN_AFTER_MS = 30_000;

export interface MysqlNode {
  /** Its place in the list of hosts, from 1. Hosts are named by it: a wrong list may hold a part of the password. */
  place: number;
  options: MysqlOptions;
}

export interface MysqlNodes {
  /** True for a URL with one host, which is used as it is: nothing is asked, and nothing can move. */
  isSingle: boolean;
  /** The hosts of the list. */
  all: readonly MysqlNode[];
  /** The first one of them. */
  first: MysqlOptions;
  /** The node in use, or the first usable one where none is in use yet. Throws OperatorError when no host is usable. */
  choose(): Promise<MysqlNode>;
  isInUse(node: MysqlNode): boolean;
  /** Cuts the connection when the process moves. False when the process has moved since the connection was requested. */
  remember(connection: Connection): boolean;
  /** Asks the node in use at once, when the error may be its fault. */
  suspect(error: unknown): void;
}

/** What a pool or a connection is opened with: the URL, or the nodes of the URL that the whole process shares. */
export type MysqlAddress = string | MysqlNodes;

/** The nodes of an address, and what closes them; the nodes of a process are closed by whoever opened them. */
export const nodesOf = (address: MysqlAddress): { nodes: MysqlNodes; close: Closer } =>
  typeof address === 'string' ? openNodes(address) : { nodes: address, close() {} };

/** Asks the node in use every second, and moves all connections to the first usable host when it does not take writes any more. */
export function openNodes(
  url: string,
  { log, returnAfterMs = RETURN_AFTER_MS }: { log?: Log; returnAfterMs?: number } = {},
): { nodes: MysqlNodes; close: Closer } {
  const hosts = parseMysqlHosts(url);
  const all = hosts.map((options, index): MysqlNode => ({ place: index + 1, options }));
  if (all.length === 1) return { nodes: singleNode({ place: 1, options: hosts[0] }), close() {} };

  const connections = new Map<Connection, MysqlNode>();
  let inUse: MysqlNode | undefined;
  let looking: Promise<MysqlNode> | undefined;
  let earlierUsableSince: number | undefined;
  let wake = new AbortController();
  const closed = new AbortController();

  const look = async (): Promise<MysqlNode> => {
    const answers = all.map(({ options }) => probe(options));
    const reasons: Unusable[] = [];
    for (const [index, node] of all.entries()) {
      const reason = await answers[index];
      if (reason === undefined) return node;
      reasons.push(`host ${node.place}: ${reason}`);
    }
    throw new OperatorError(`MYSQL_URL: none of its ${all.length} hosts can be used: ${reasons.join('; ')}`);
  };
  const move = (to: MysqlNode, why: string) => {
    if (to === inUse) return;
    log?.warn({ from: inUse?.place, to: to.place, why }, 'MySQL: all connections move to another host of MYSQL_URL');
    inUse = to;
    earlierUsableSince = undefined;
    const lost = Object.assign(new Error('the process has moved to another MySQL host'), { code: 'ECONNRESET' });
    // The driver leaves the statements of a connection that is closed by `destroy` without an answer.
    for (const [connection, node] of connections) if (node !== to) streamOf(connection).destroy(lost);
  };
  const mayReturn = async (current: MysqlNode) => {
    const earlier = all.slice(0, current.place - 1);
    const answers = await Promise.all(earlier.map(({ options }) => probe(options)));
    const usable = earlier.find((_node, index) => answers[index] === undefined);
    if (usable === undefined) earlierUsableSince = undefined;
    else {
      earlierUsableSince ??= performance.now();
      if (performance.now() - earlierUsableSince >= returnAfterMs) move(usable, 'an earlier host is usable again');
    }
  };
  const check = async () => {
    const current = inUse;
    if (current === undefined) return;
    const why = await probe(current.options);
    if (why === undefined) await mayReturn(current);
    // Where no host is usable, the process stays: its statements fail, and grabs wait in the outbox.
    else
      await look().then(
        (found) => move(found, why),
        () => log?.debug({ why }, 'no host of MYSQL_URL can be used'),
      );
  };
  const watch = async () => {
    while (!closed.signal.aborted) {
      await sleep(SHORTEST_GAP_MS, undefined, { ref: false });
      const signal = AbortSignal.any([closed.signal, wake.signal]);
      await sleep(ASK_EVERY_MS - SHORTEST_GAP_MS, undefined, { ref: false, signal }).catch(() => {});
      wake = new AbortController();
      if (!closed.signal.aborted) await check();
    }
  };
  void watch();

  const nodes: MysqlNodes = {
    isSingle: false,
    all,
    first: hosts[0],
    async choose() {
      if (inUse !== undefined) return inUse;
      looking ??= look().finally(() => {
        looking = undefined;
      });
      inUse ??= await looking;
      return inUse;
    },
    isInUse: (node) => node === inUse,
    remember(connection) {
      const { host, port } = (connection as Connection & { config: MysqlOptions }).config;
      const node = all.find(({ options }) => options.host === host && options.port === port);
      if (node === undefined || node !== inUse) return false;
      connections.set(connection, node);
      streamOf(connection).once('close', () => connections.delete(connection));
      return true;
    },
    suspect(error) {
      if (isNodeFault(error)) wake.abort();
    },
  };
  return { nodes, close: () => closed.abort() };
}

const singleNode = (node: MysqlNode): MysqlNodes => ({
  isSingle: true,
  all: [node],
  first: node.options,
  choose: async () => node,
  isInUse: () => true,
  remember: () => true,
  suspect() {},
});

const streamOf = (connection: Connection) => (connection as Connection & { stream: import('node:net').Socket }).stream;
