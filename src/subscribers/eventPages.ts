import { LRUCache } from 'lru-cache';
import type { CouponEvent } from '../events.ts';
import { NewerRelease } from '../newerRelease.ts';
import { archivedVersions } from '../projections/archive/pages.ts';
import { type EventRow, eventColumns, idToBytes, rowsToEvents } from '../projections/log/eventRows.ts';
import { hex, hexId, type RunSql, selectRows } from '../projections/log/sql.ts';
import { type CloudEvent, toCloudEvent } from './cloudEvent.ts';

/** Positions that one query looks at: a filter that matches nothing must not read the whole log at once. */
const MAX_SCANNED = 20_000;
/** Coupons that a reader remembers. The state of another one is found in the log again. */
const MAX_COUPONS = 5_000;

export interface EventPage {
  events: CloudEvent[];
  /** For each event the position after which a reader continues that has got it and all before it. */
  cursors: number[];
  /** The position after which the next page begins. */
  next: number;
}

interface Wanted {
  after: number;
  horizon: number;
  /** Positions read, which are as many as events unless some wait for an earlier version. */
  limit: number;
}

/** Where a reader is within one coupon. */
interface Progress {
  /** All versions up to this one have been passed on. */
  version: number;
  /** Versions beyond, which the reader has come past: they wait for the missing ones before them. */
  waiting: Set<number>;
}
type Row = EventRow & { position: number };
type Found = { event: CouponEvent; position: number };

/** Reads pages, each of which begins where the one before ended; it remembers what that needs. */
export interface EventReader {
  read(run: RunSql, wanted: Wanted): Promise<EventPage>;
}

/**
 * Reads the log in the order of its positions, no further than the horizon. Several processes write the log, so version 8 of a coupon
 * may have a lower position than version 7. It is passed on right after version 7 then, so the events of a coupon are always in order.
 * A version that is missing for ever is damage, and later events of that coupon wait until an operator has mended the log.
 * A page ends before an event of a newer release, and the page that would begin with it is refused: a process of that release reads on.
 * `maxCoupons`: coupons that the reader remembers, at least as many as the limit of its pages.
 */
export function createEventReader(seller?: string, maxCoupons = MAX_COUPONS): EventReader {
  const coupons = new LRUCache<string, Progress>({ max: maxCoupons });
  let position = 0;

  return {
    async read(run, { after, horizon, limit }) {
      // What is remembered belongs to the end of the last page. A page that is read again begins without it.
      if (after !== position) coupons.clear();
      position = -1;
      const to = Math.min(horizon, after + MAX_SCANNED);
      if (to <= after) {
        position = after;
        return { events: [], cursors: [], next: after };
      }
      const rows = (await run(
        `SELECT position,${eventColumns.join(',')} FROM event_log FORCE INDEX (PRIMARY)
         WHERE position > ${after} AND position <= ${to}${seller === undefined ? '' : ` AND seller = ${hex(seller)}`}
         ORDER BY position LIMIT ${limit}`,
      )) as unknown as Row[];
      const { found, isWhole } = upToNewer(rows);
      for (const [id, lowest] of lowestVersions(found))
        if (mustLookUp(coupons.get(id), lowest)) coupons.set(id, await progressAt(run, id, after, lowest));
      const { ordered, copies } = inOrder(found, after, coupons);
      const missing = ordered.filter(({ id, version }) => !copies.has(`${id}:${version}`));
      for (const one of await readVersions(run, missing)) copies.set(one.event.id, one);
      const last = found.at(-1)?.position;
      position = (found.length === limit || !isWhole) && last !== undefined ? last : to;
      return {
        events: ordered.map(({ id, version }) => {
          const one = copies.get(`${id}:${version}`);
          if (one === undefined) throw new Error(`the log has lost version ${version} of the coupon ${id}`);
          return toCloudEvent(one.event, one.position);
        }),
        cursors: ordered.map(({ cursor }) => cursor),
        next: position,
      };
    },
  };
}

/** The rows before the first event of a newer release. Throws NewerRelease when that is the first one of all. */
function upToNewer(rows: readonly Row[]): { found: Found[]; isWhole: boolean } {
  try {
    return { found: withPositions(rows), isWhole: true };
  } catch (error) {
    if (!(error instanceof NewerRelease)) throw error;
  }
  const found: Found[] = [];
  for (const row of rows) {
    try {
      found.push(...withPositions([row]));
    } catch (error) {
      if (!(error instanceof NewerRelease) || found.length === 0) throw error;
      break;
    }
  }
  return { found, isWhole: false };
}

function inOrder(found: readonly Found[], after: number, coupons: LRUCache<string, Progress>) {
  const copies = new Map<string, Found>();
  const ordered: { id: string; version: number; cursor: number }[] = [];
  let before = after;
  for (const one of found) {
    const { coupon, version } = one.event;
    copies.set(one.event.id, one);
    const progress = coupons.get(coupon.id);
    if (progress === undefined) throw new Error('a page has more coupons than a reader remembers');
    progress.waiting.add(version);
    while (progress.waiting.delete(progress.version + 1))
      ordered.push({ id: coupon.id, version: ++progress.version, cursor: before });
    const last = ordered.at(-1);
    // Only with the last event of this position has a reader got all of them.
    if (last?.id === coupon.id && last.cursor === before) last.cursor = one.position;
    before = one.position;
  }
  return { ordered, copies };
}

/** A gap after what is remembered may be the events that were archived meanwhile. An older gap waits for its events. */
const mustLookUp = (progress: Progress | undefined, lowest: number) =>
  progress === undefined || (progress.waiting.size === 0 && lowest > progress.version + 1);

function lowestVersions(found: readonly Found[]): Map<string, number> {
  const lowest = new Map<string, number>();
  for (const { event } of found)
    lowest.set(event.coupon.id, Math.min(event.version, lowest.get(event.coupon.id) ?? event.version));
  return lowest;
}

/**
 * Finds in the log where a reader at this position is. `lowest`: a version of the coupon beyond the position. Archived events have been
 * passed on: that is a condition of archiving.
 */
async function progressAt(run: RunSql, id: string, after: number, lowest: number): Promise<Progress> {
  const progress = await progressInLog(run, id, after, 0, lowest);
  if (progress.version === lowest - 1) return progress;
  const archived = (await archivedVersions(run, [idToBytes(id)])).get(id);
  return archived === undefined ? progress : progressInLog(run, id, after, archived, lowest);
}

/** `from`: all versions up to this one have been passed on. */
async function progressInLog(run: RunSql, id: string, after: number, from: number, lowest: number): Promise<Progress> {
  if (after === 0) return { version: from, waiting: new Set() };
  let version = lowest - 1;
  if (version > from) {
    // Both conditions end with the first version that is missing or beyond the position, so the rows are those before it.
    const [row] = await run(
      `SELECT COUNT(*) AS version FROM (
         SELECT version - ROW_NUMBER() OVER (ORDER BY version) AS missing, MAX(position) OVER (ORDER BY version) AS highest
         FROM event_log FORCE INDEX (event) WHERE coupon_id = ${hexId(id)} AND version > ${from} AND version < ${lowest}
       ) versions WHERE missing = ${from} AND highest <= ${after}`,
    );
    version = from + Number(row?.version);
  }
  const rows = await run(
    `SELECT version FROM event_log FORCE INDEX (event) WHERE coupon_id = ${hexId(id)} AND version > ${version}
     AND position <= ${after}`,
  );
  return { version, waiting: new Set(rows.map((row) => Number(row.version))) };
}

async function readVersions(run: RunSql, wanted: readonly { id: string; version: number }[]): Promise<Found[]> {
  if (wanted.length === 0) return [];
  const table = { table: 'event_log', key: { coupon_id: 'id', version: 'number' } } as const;
  const keys = wanted.map(({ id, version }) => [id, version]);
  const rows = await selectRows(run, table, ['position', ...eventColumns], keys);
  return withPositions(rows as unknown as Row[]);
}

const withPositions = (rows: readonly Row[]): Found[] =>
  rowsToEvents(rows).map((event, i) => ({ event, position: rows[i]?.position ?? 0 }));
