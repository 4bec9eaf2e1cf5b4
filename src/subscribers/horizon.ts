import { setTimeout as sleep } from 'node:timers/promises';
import type { Closer } from '../infra/closers.ts';
import { type MysqlAddress, nodesOf } from '../infra/failover/nodes.ts';
import { lockedOnOtherNodes } from '../infra/failover/otherNodes.ts';
import { connectMysql } from '../infra/stores/mysql.ts';
import { isLockConflict } from '../infra/stores/mysqlErrors.ts';
import type { Log } from '../infra/telemetry/log.ts';
import { completePosition } from '../projections/log/pause.ts';
import { lastPosition } from '../projections/log/readLog.ts';
import { Unavailable } from '../unavailable.ts';

const REFRESH_EVERY_MS = 100;
/**
 * After a pause of the projection, the next one waits nine times as long as this one took: while a transaction or a replay stays
 * open, other writers lose no more than a tenth of their time to the horizon.
 */
const REST_FACTOR = 9;
const MAX_REST_MS = 10_000;

/**
 * The position up to which the event log is complete. MySQL assigns positions before the COMMIT, so a reader may see position 8 before
 * position 7, and a reader that continues after the last position it has seen would miss event 7 for ever. Readers therefore read no
 * further than the horizon.
 */
export interface Horizon {
  /**
   * Resolves to the horizon after the next refresh. All readers of the process share the refreshes, which happen only while a reader
   * waits, at most ten times a second. Throws Unavailable when MySQL does not answer.
   */
  next(): Promise<number>;
}

export function openHorizon(mysqlUrl: MysqlAddress, log: Log): { horizon: Horizon; close: Closer } {
  // One connection of its own: waiting for the pause must not keep a query of another reader waiting.
  const { nodes, close: closeNodes } = nodesOf(mysqlUrl);
  const { mysql, close } = connectMysql(nodes, 1);
  let known = 0;
  let mayRefreshAt = 0;
  let mayPauseAt = 0;
  let refreshing: Promise<number> | undefined;

  const pause = async () => {
    const started = performance.now();
    try {
      known = await lockedOnOtherNodes(nodes, 'projection_pause', () => completePosition(mysql));
    } catch (error) {
      if (!isLockConflict(error)) throw error;
      log.debug({ err: error }, 'a transaction of the projection stays open; the horizon stays where it is');
    } finally {
      const took = performance.now() - started;
      mayPauseAt = started + took + Math.min(MAX_REST_MS, took * REST_FACTOR);
    }
  };
  const refresh = async () => {
    await sleep(Math.max(0, mayRefreshAt - performance.now()), undefined, { ref: false });
    mayRefreshAt = performance.now() + REFRESH_EVERY_MS;
    try {
      // Positions never get lower, so without a higher one nothing can be new.
      const highest = await lastPosition(async (statement) => (await mysql.raw(statement))[0]);
      if (highest > known && performance.now() >= mayPauseAt) await pause();
      return known;
    } catch (err) {
      log.warn({ err }, 'MySQL query of the horizon failed');
      throw new Unavailable('MySQL does not answer');
    } finally {
      refreshing = undefined;
    }
  };
  return {
    horizon: {
      next() {
        refreshing ??= refresh();
        return refreshing;
      },
    },
    async close() {
      // A reader whose client has just left still waits: its refresh on a closed pool would look like a fault of MySQL.
      await refreshing?.catch(() => {});
      await close();
      await closeNodes();
    },
  };
}
