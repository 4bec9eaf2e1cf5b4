import { once } from 'node:events';
import type { Redis } from 'ioredis';
import { Unavailable } from '../../unavailable.ts';
import type { Closer } from '../closers.ts';
import { keys } from '../keys.ts';
import { readScripts } from '../scripts.ts';
import { type DataSet, tagIn } from '../shards/dataSet.ts';
import type { Master } from '../shards/masters.ts';
import type { Log } from '../telemetry/log.ts';
import { type ReplicationInfo, readReplication } from './replicationInfo.ts';
import { confirmedBy, findWaitaof, waitCommands } from './waitCommand.ts';

const LOOK_EVERY_MS = 1_000;
/** A replica confirms within milliseconds; one that takes longer is away. */
const WAIT_MS = 1_000;
const TOO_FEW = 'too few replicas of Redis confirm what it writes';

export interface Replicas {
  /**
   * Resolves when so many replicas as needed have everything that Redis had written before the call; returns undefined where none is
   * needed. Rejects with Unavailable when they do not confirm in time: then a failover may lose the decision, or not.
   */
  confirm(): Promise<void> | undefined;
  /** Whether as many replicas as needed have confirmed lately; also true where none is needed. */
  areEnough(): boolean;
  /** Throws Unavailable (src/unavailable.ts) while too few replicas confirm, so that no piece is taken without an answer. */
  mustBeEnough(): void;
  /** Called when this process has found the Redis of its connection reconciled. */
  reconciled(replication: ReplicationInfo): void;
}

interface Waiting {
  resolve: () => void;
  reject: (error: Error) => void;
}

/**
 * Asks with WAITAOF where the server has it, and with WAIT otherwise, on a connection of its own, because both hold up the commands
 * behind them. Replication is one ordered stream, so what is written on that connection follows all earlier writes of all connections,
 * and whoever has it has them. Calls that
 * arrive while a WAIT is under way share the next one.
 * `waitReplicas`: how many must confirm; undefined: one where there are replicas, or where Sentinel may put another Redis in the place.
 * `isUnsafe`: whether a Redis was accepted that need not keep what it acknowledges; then nobody waits for disks.
 */
export function openReplicas(deps: {
  connect: Master['connect'];
  dataSet: DataSet;
  waitReplicas: number | undefined;
  redis: Redis;
  isUnsafe: () => boolean;
  log: Log;
}): { replicas: Replicas; close: Closer } {
  const { connect, dataSet, waitReplicas, redis, isUnsafe, log } = deps;
  const script = readScripts().find(({ name }) => name === 'writeToReplicas')?.lua ?? '';
  let needed = waitReplicas ?? (redis.options.sentinels ? 1 : 0);
  let opened: ReturnType<Master['connect']> | undefined;
  /** The history of the data that this process decides on; undefined while it is not reconciled. */
  let replid: string | undefined;
  let areTooFew = false;
  /** Whether the server of the open connection has WAITAOF; undefined: it was not asked yet. */
  let hasWaitaof: boolean | undefined;
  let strangers = 0;
  let waiting: Waiting[] = [];
  let running = false;

  const setTooFew = (tooFew: boolean) => {
    if (tooFew !== areTooFew)
      log.warn({ needed }, tooFew ? `${TOO_FEW}; grabs get 503` : 'enough replicas confirm again');
    areTooFew = tooFew;
  };
  const open = () => {
    if (opened === undefined) {
      opened = connect();
      opened.redis.on('close', () => {
        hasWaitaof = undefined;
      });
    }
    if (opened.redis.status === 'wait') opened.redis.connect().catch(() => {});
    return opened.redis;
  };
  // The address may lead to another Redis by now: that of this connection is asked for again first, and then that of the decisions.
  const leaveStranger = (connection: Redis) => {
    strangers++;
    connection.stream?.destroy();
    if (strangers > 1) redis.stream?.destroy();
  };
  const askForWaitaof = async (connection: Redis) => {
    const found = await findWaitaof(connection);
    hasWaitaof = found === 'there';
    if (found === 'not-permitted')
      log.warn('the user of Redis may not WAITAOF (+waitaof): replicas confirm what they have in memory only');
  };
  const waitOnce = async () => {
    const connection = open();
    // It is opened for the first look, whose answer the start and the first grabs wait for.
    if (connection.status !== 'ready') await once(connection, 'ready', { signal: AbortSignal.timeout(WAIT_MS) });
    if (hasWaitaof === undefined) await askForWaitaof(connection);
    const history = replid;
    const waits = waitCommands(hasWaitaof === true && !isUnsafe(), needed, WAIT_MS);
    const replies = await Promise.allSettled([
      // By EVAL: after NOSCRIPT, the client would send the script again, behind WAIT.
      connection.eval(script, 1, keys.replicated(tagIn(dataSet))),
      ...waits.map(([name, ...args]) => connection.call(name, ...args)),
      connection.info('replication'),
    ]);
    const error = replies.find(({ status }) => status === 'rejected');
    if (error) {
      // A frozen Redis keeps its connections. The next one may lead to the Redis that took over.
      connection.stream?.destroy();
      throw (error as PromiseRejectedResult).reason;
    }
    const [count, info] = replies.slice(-2).map((reply) => (reply as PromiseFulfilledResult<unknown>).value);
    if (history === undefined) throw new Unavailable(TOO_FEW);
    if (!String(info).includes(`master_replid:${history}`)) {
      leaveStranger(connection);
      throw new Unavailable(TOO_FEW);
    }
    strangers = 0;
    setTooFew(confirmedBy(count) < needed);
    if (!areTooFew) return;
    // The replicas may have left for another master: one that is replaced by hand goes on for ten seconds. The next connection leads to
    // the master that the sentinels name.
    if (redis.options.sentinels) connection.stream?.destroy();
    throw new Unavailable(TOO_FEW);
  };
  const run = async () => {
    // Calls of one turn of the event loop go together.
    await new Promise((resolve) => setImmediate(resolve));
    while (waiting.length > 0) {
      const group = waiting;
      waiting = [];
      try {
        await waitOnce();
        for (const { resolve } of group) resolve();
      } catch (error) {
        // Whatever is wrong, the next grabs would take pieces without an answer. The next look tells.
        setTooFew(true);
        for (const { reject } of group) reject(new Unavailable(`${TOO_FEW}: ${(error as Error).message}`));
      }
    }
    running = false;
  };
  // While its Redis is being reconciled, no reply could count, and the reconcile does not wait for one.
  const confirm = () =>
    new Promise<void>((resolve, reject) => {
      if (replid === undefined) return reject(new Unavailable(TOO_FEW));
      waiting.push({ resolve, reject });
      if (running) return;
      running = true;
      void run();
    });

  const look = async () => {
    if (needed === 0 && waitReplicas === undefined && redis.status === 'ready')
      noteReplicas((await readReplication(redis)).replicas.length);
    if (needed > 0 && replid !== undefined) await confirm();
  };
  const lookNow = () => void look().catch((err) => log.debug({ err }, 'looking after the replicas failed; retrying'));
  const noteReplicas = (count: number) => {
    if (needed > 0 || waitReplicas !== undefined || count === 0) return;
    needed = 1;
    log.info({ replicas: count }, 'Redis has replicas: a success is answered when one of them has it');
  };
  redis.on('close', () => {
    replid = undefined;
    opened?.redis.stream?.destroy();
  });
  const timer = setInterval(lookNow, LOOK_EVERY_MS);

  const replicas: Replicas = {
    confirm: () => (needed === 0 ? undefined : confirm()),
    areEnough: () => !areTooFew,
    mustBeEnough() {
      if (areTooFew) throw new Unavailable(TOO_FEW);
    },
    reconciled(replication) {
      replid = replication.replid;
      noteReplicas(replication.replicas.length);
      if (needed === 0) return;
      // Nothing is decided before a first answer.
      areTooFew = true;
      lookNow();
    },
  };
  const close: Closer = async () => {
    clearInterval(timer);
    await opened?.close();
  };
  return { replicas, close };
}
