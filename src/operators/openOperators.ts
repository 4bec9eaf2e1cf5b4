import type { Redis } from 'ioredis';
import { type Closer, openAll } from '../infra/closers.ts';
import { type MysqlAddress, type MysqlNodes, nodesOf } from '../infra/failover/nodes.ts';
import { type CouponName, couponPath } from '../infra/keys.ts';
import { createWindowCounter, type WindowCounter } from '../infra/limits/windowCounter.ts';
import { createServiceTokens, type FindService } from '../infra/serviceTokens.ts';
import type { Shards } from '../infra/shards/shards.ts';
import { connectMysql, connectOnce } from '../infra/stores/mysql.ts';
import type { Log } from '../infra/telemetry/log.ts';
import { runOn } from '../projections/log/readLog.ts';
import type { RunSql } from '../projections/log/sql.ts';
import type { Report } from '../projections/verify/verifyReport.ts';
import { verifyOne } from '../projections/verify/verifyStores.ts';
import { Unavailable } from '../unavailable.ts';
import type { ProcessReports } from './processReports.ts';
import { inTime, readSystemState, type SystemState } from './systemState.ts';

/** Each operator may send this many requests to a process in a window: twenty pages that are open, and some clicks. */
const REQUESTS = 200;
const WINDOW_MS = 10_000;
/** All operators share a state that is not older than this: however many pages are open, the stores are asked once a second. */
const SHARED_MS = 1_000;
const READ_LIMIT_MS = 10_000;
/** A coupon of a million events takes some seconds. */
const VERIFY_LIMIT_MS = 60_000;

export interface Operators {
  /** Resolves a token to the name of its operator. */
  find: FindService;
  limit: WindowCounter;
  own: ProcessReports['own'];
  state(): Promise<SystemState>;
  /** Runs a read of MySQL. Throws Unavailable when MySQL does not answer. */
  read<T>(work: (run: RunSql) => Promise<T>): Promise<T>;
  /** Runs an act on a connection of its own. A failure means that the outcome is unknown. */
  act<T>(work: (run: RunSql, nodes: MysqlNodes) => Promise<T>): Promise<T>;
  /** Compares a coupon in Redis, the tables and the log. One coupon at a time: `running` while another one is compared. */
  verify(coupon: CouponName): Promise<Report | 'running' | undefined>;
}

/** What the routes of operators need. No connection is made before an operator asks. */
export const openOperators = (
  config: { mysqlUrl: MysqlAddress; operatorTokens: string | undefined },
  { redis, shards, reports, log }: { redis: Redis; shards: Shards; reports: ProcessReports; log: Log },
): Promise<{ operators: Operators; close: Closer }> =>
  openAll(async (remember) => {
    const { nodes, close: closeNodes } = nodesOf(config.mysqlUrl);
    remember(closeNodes);
    // One for the state and one for the rest, so that a slow query does not hide the state.
    const { mysql: stateMysql, close: closeState } = connectMysql(nodes, 1);
    remember(closeState);
    const { mysql, close } = connectMysql(nodes, 1);
    remember(close);
    let shared: { at: number; state: Promise<SystemState> } | undefined;
    let isVerifying = false;
    const run: RunSql = async (statement) => (await mysql.raw(statement))[0];

    const operators: Operators = {
      find: createServiceTokens(config.operatorTokens),
      limit: createWindowCounter(REQUESTS, WINDOW_MS),
      own: reports.own,
      state() {
        const now = performance.now();
        if (shared === undefined || now - shared.at > SHARED_MS)
          shared = { at: now, state: readSystemState({ redis, shards, mysql: stateMysql, reports }) };
        return shared.state;
      },
      read: (work) => inTime('MySQL', work(run), READ_LIMIT_MS).catch((err) => refuse(err, log)),
      async act(work) {
        const { connection, close: closeConnection } = await connectOnce(nodes).catch((err) => refuse(err, log));
        connection.on('error', () => {});
        try {
          return await inTime('MySQL', work(runOn(connection), nodes), READ_LIMIT_MS);
        } finally {
          await closeConnection();
        }
      },
      async verify(coupon) {
        if (isVerifying) return 'running';
        isVerifying = true;
        try {
          const { connection, close: closeConnection } = await connectOnce(nodes);
          // A query that streams its rows reports a lost connection here and not to its caller.
          const lost = new Promise<never>((_, reject) => connection.once('error', reject));
          lost.catch(() => {});
          try {
            const verifying = verifyOne({ redis, connection }, couponPath(coupon));
            return await inTime('a store', Promise.race([verifying, lost]), VERIFY_LIMIT_MS);
          } finally {
            await closeConnection();
          }
        } catch (err) {
          return refuse(err, log);
        } finally {
          isVerifying = false;
        }
      },
    };
    return { operators };
  });

function refuse(err: unknown, log: Log): never {
  if (err instanceof Unavailable) throw err;
  log.warn({ err }, 'a read for an operator failed');
  throw new Unavailable('a store does not answer');
}
