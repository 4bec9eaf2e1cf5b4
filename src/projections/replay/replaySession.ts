import { createHash } from 'node:crypto';
import type { Connection } from 'mysql2';
import { openAll } from '../../infra/closers.ts';
import { splitHosts } from '../../infra/failover/hosts.ts';
import { type MysqlNodes, nodesOf } from '../../infra/failover/nodes.ts';
import { lockOtherNodes } from '../../infra/failover/otherNodes.ts';
import { connectOnce } from '../../infra/stores/mysql.ts';
import { isLockConflict } from '../../infra/stores/mysqlErrors.ts';
import { OperatorError } from '../../operatorError.ts';
import { withPauseOnAllNodes } from '../log/pause.ts';
import { lastPosition, runOn } from '../log/readLog.ts';

/** How long a statement of the writer waits for other connections that use the live tables. */
export const TABLE_WAIT_SECONDS = 20;

/** The connections of one replay. The lock that refuses a second replay belongs to the writer. */
export interface ReplaySession {
  /** Reads the log; for a comparison, also the snapshot of the live tables. */
  reader: Connection;
  /** Creates the shadows and swaps them in. */
  writer: Connection;
  /** Fill the shadows; the first one is the writer. */
  writers: Connection[];
  /** The hosts of the database, for the pause on each of them. */
  nodes: MysqlNodes;
  /** Holds the pause. */
  holder: Connection;
}

/** Opens the connections and takes the lock. Throws OperatorError while another replay or import of this database runs. */
export const openReplaySession = (mysqlUrl: string) =>
  openAll(async (remember) => {
    const { nodes, close: closeNodes } = nodesOf(mysqlUrl);
    remember(closeNodes);
    const open = async () => {
      const { connection, close } = await connectOnce(nodes);
      remember(close);
      // A connection that is lost while it is idle fails at its next statement.
      connection.on('error', () => {});
      return connection;
    };
    const writer = await open();
    const session: ReplaySession = {
      reader: await open(),
      writer,
      writers: [writer, await open()],
      nodes,
      holder: await open(),
    };
    const run = runOn(writer);
    // Lock names are shared by all databases of the server and limited to 64 characters, so the database is named by a hash.
    const database = createHash('sha1')
      .update(new URL(splitHosts(mysqlUrl)[0]).pathname)
      .digest('hex')
      .slice(0, 16);
    const lock = `seckill.replay.${database}`;
    const isRunning = () => new OperatorError('another replay or import is running on this database');
    // A node of Galera keeps its named locks to itself.
    remember(
      await lockOtherNodes(nodes, { name: lock }).catch((error) => {
        throw isLockConflict(error) ? isRunning() : error;
      }),
    );
    // MySQL frees the lock of a session some moments after the session has closed its connection.
    const [row] = await run(`SELECT GET_LOCK('${lock}', 1) AS locked`);
    if (Number(row?.locked) !== 1) throw isRunning();
    await run(`SET SESSION lock_wait_timeout = ${TABLE_WAIT_SECONDS}`);
    return { session };
  });

/** Holds the pause during `work`. A stop kills the statement that waits for the pause; once the pause is held, `work` decides. */
export async function withPauseUnlessStopped<T>(
  { nodes, holder, reader }: ReplaySession,
  signal: AbortSignal,
  work: () => Promise<T>,
): Promise<T> {
  signal.throwIfAborted();
  const kill = () => void runOn(reader)(`KILL QUERY ${holder.threadId}`).catch(() => {});
  signal.addEventListener('abort', kill);
  try {
    return await withPauseOnAllNodes(nodes, runOn(holder), () => {
      signal.removeEventListener('abort', kill);
      signal.throwIfAborted();
      return work();
    });
  } finally {
    signal.removeEventListener('abort', kill);
  }
}

/** The last position of the log, read while no transaction that writes the log is open: no event before it can still appear. */
export const settledPosition = (session: ReplaySession, signal: AbortSignal) =>
  withPauseUnlessStopped(session, signal, () => lastPosition(runOn(session.reader)));

/** Runs statements of the writer that may take minutes; a stop kills the statement that is running. */
export async function runOnWriter(
  session: ReplaySession,
  signal: AbortSignal,
  work: () => Promise<void>,
): Promise<void> {
  signal.throwIfAborted();
  const kill = () => void runOn(session.holder)(`KILL QUERY ${session.writer.threadId}`).catch(() => {});
  signal.addEventListener('abort', kill);
  try {
    await work();
  } finally {
    signal.removeEventListener('abort', kill);
  }
  signal.throwIfAborted();
}
