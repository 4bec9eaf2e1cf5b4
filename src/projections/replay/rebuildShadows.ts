import type { CouponEvent } from '../../events.ts';
import { readArchived, readArchivedCoupons } from '../archive/pages.ts';
import { bytesToId, rowsToEvents } from '../log/eventRows.ts';
import { type LoggedRow, readLog, runOn } from '../log/readLog.ts';
import type { RunSql } from '../log/sql.ts';
import { byCouponAndVersion, type Projection } from '../projection.ts';
import { type ReplaySession, runOnWriter, settledPosition } from './replaySession.ts';
import { completeShadows, createShadows, type Shadow, shadowName } from './shadows.ts';

const PAGE = 20_000;
/** When fewer events than this are left, the pause is short enough to read them under it. */
const CLOSE_ENOUGH = 2_000;
/** Ends the rounds when grabs arrive faster than they are read. */
const MAX_ROUNDS = 20;

export interface ReplayProgress {
  phase: 'reading' | 'keys' | 'comparing';
  /** Position in the log, and the last position to be read. */
  position: number;
  of: number;
  /** Events applied. */
  events: number;
}

export interface Replay {
  projections: readonly Projection[];
  signal: AbortSignal;
  onProgress: (progress: ReplayProgress) => void;
}

export const tablesOf = ({ projections }: Replay) => projections.flatMap(({ tables }) => tables);

/** Applies the log to the shadows, further with each call. */
export interface Rebuild {
  /** Applies the events after `position()`, up to and including `last`. */
  applyUpTo(last: number): Promise<void>;
  position(): number;
  /** The number of events applied. */
  events(): number;
  report(phase: ReplayProgress['phase']): void;
}

/** Fills shadows while the log grows, until so few events are left that they can be read under the pause. */
export async function rebuildWhileSelling(
  session: ReplaySession,
  replay: Replay,
): Promise<{ rebuild: Rebuild; shadows: Shadow[] }> {
  const shadows = await createShadows(runOn(session.writer), tablesOf(replay));
  const rebuild = startRebuild(session, replay, () => true);
  await rebuild.applyUpTo(await settledPosition(session, replay.signal));
  await buildKeys(session, replay, rebuild, shadows);
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const last = await settledPosition(session, replay.signal);
    const left = last - rebuild.position();
    await rebuild.applyUpTo(last);
    if (left < CLOSE_ENOUGH) break;
  }
  return { rebuild, shadows };
}

/** Fills shadows with the events that `includes` accepts, up to a position. */
export async function rebuildPart(
  session: ReplaySession,
  replay: Replay,
  last: number,
  includes: (row: LoggedRow) => boolean,
): Promise<Rebuild> {
  const shadows = await createShadows(runOn(session.writer), tablesOf(replay));
  const rebuild = startRebuild(session, replay, includes);
  await rebuild.applyUpTo(last);
  await buildKeys(session, replay, rebuild, shadows);
  return rebuild;
}

async function buildKeys(session: ReplaySession, replay: Replay, rebuild: Rebuild, shadows: readonly Shadow[]) {
  rebuild.report('keys');
  await runOnWriter(session, replay.signal, () => completeShadows(runOn(session.writer), shadows));
}

function startRebuild(session: ReplaySession, replay: Replay, includes: (row: LoggedRow) => boolean): Rebuild {
  const { projections, signal, onProgress } = replay;
  const log = runOn(session.reader);
  const writers = session.writers.map(runOn);
  // Projections do not depend on each other, so they are divided among connections that write at the same time. No transaction spans
  // the connections: shadows that a failure left at different events are never swapped in.
  const shares = writers.map((write, place) => ({
    write,
    projections: projections.filter((_, i) => i % writers.length === place),
  }));
  let archived: Map<string, number> | undefined;
  let position = 0;
  let applied = 0;
  let of = 0;
  let events = 0;
  const report = (phase: ReplayProgress['phase']) => onProgress({ phase, position: applied, of, events });

  const apply = async (page: readonly CouponEvent[], upTo: number) => {
    const written = await Promise.allSettled(
      shares.map((share) => applyInTransaction(share.write, share.projections, page)),
    );
    for (const result of written) if (result.status === 'rejected') throw result.reason;
    events += page.length;
    applied = upTo;
    report('reading');
  };

  /** The events of archived coupons come first: a coupon's events beyond its archived version are in the log. */
  const applyArchived = async () => {
    const versions = new Map<string, number>();
    for await (const coupons of readArchivedCoupons(log)) {
      for (const { id, version } of coupons) {
        versions.set(bytesToId(id), version);
        for await (const rows of readArchived(log, id)) {
          signal.throwIfAborted();
          await apply(rowsToEvents(rows.filter(includes)), 0);
        }
      }
    }
    return versions;
  };

  return {
    position: () => position,
    events: () => events,
    report,
    async applyUpTo(last) {
      of = last;
      archived ??= await applyArchived();
      const isHot = ({ coupon_id, version }: LoggedRow) => version > (archived?.get(bytesToId(coupon_id)) ?? 0);
      const isWanted = archived.size === 0 ? includes : (row: LoggedRow) => isHot(row) && includes(row);
      let applying = Promise.resolve();
      try {
        for await (const rows of readLog(log, position, last, PAGE)) {
          // MySQL writes one page while this process reads and decodes the next one.
          const page = rowsToEvents(rows.filter(isWanted)).sort(byCouponAndVersion);
          await applying;
          position = rows.at(-1)?.position ?? last;
          signal.throwIfAborted();
          applying = apply(page, position);
          // A rejection is handled where `applying` is awaited.
          applying.catch(() => {});
        }
      } finally {
        await applying;
      }
      position = Math.max(position, last);
    },
  };
}

async function applyInTransaction(write: RunSql, projections: readonly Projection[], page: readonly CouponEvent[]) {
  try {
    await write('START TRANSACTION');
    for (const projection of projections) await projection.apply(write, shadowName, page);
    await write('COMMIT');
  } catch (error) {
    // The shadows are dropped next, and the DROP would wait for this transaction.
    await write('ROLLBACK').catch(() => {});
    throw error;
  }
}
