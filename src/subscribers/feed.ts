import { LRUCache } from 'lru-cache';
import type { EventType } from '../events.ts';
import type { Closer } from '../infra/closers.ts';
import type { MysqlAddress } from '../infra/failover/nodes.ts';
import { openMysqlReads } from '../infra/stores/mysqlReads.ts';
import type { Log } from '../infra/telemetry/log.ts';
import type { NewerReleases } from '../infra/telemetry/newerReleases.ts';
import { createStreamPlaces, type StreamPlaces } from '../live/streamPlaces.ts';
import { lastPosition } from '../projections/log/readLog.ts';
import type { RunSql } from '../projections/log/sql.ts';
import type { Place } from './cursor.ts';
import { createEventReader, type EventPage, type EventReader } from './eventPages.ts';
import type { Horizon } from './horizon.ts';

/** Readers of one process: each holds at most one page of events. */
const READERS = { total: 200, perUser: 50, perAddress: 200 };
/** How long a request without `wait` may search for an event that fits its filter. */
const SEARCH_MS = 1_000;
/** Readers whose place in each coupon is remembered until they ask for the next page. Others are found in the log again. */
const REMEMBERED_READERS = 100;

interface Wanted {
  after: number;
  generation: number;
  limit: number;
  seller?: string | undefined;
  types?: readonly EventType[] | undefined;
}

export interface Feed {
  places: StreamPlaces;
  /** Whether an event may have this position already: a cursor beyond the log was made by another log. */
  hasReached(position: number): Promise<boolean>;
  /** The generation of the archive, for a reader that begins now: the time of the last archiving, or 0. */
  archiveGeneration(): Promise<number>;
  /** Whether events after this place were archived since its reader began: a reader that continues here would miss them. */
  isArchivedAfter(place: Place): Promise<boolean>;
  /**
   * Resolves to the first page with an event, or to an empty page after `waitMs`, or as soon as the signal aborts; or to 'archived'
   * when events after `after` were archived since the reader began. Throws Unavailable when MySQL does not answer.
   */
  read(wanted: Wanted, waitMs: number, signal: AbortSignal): Promise<EventPage | 'archived'>;
  /** Aborts when the server stops. */
  stopped: AbortSignal;
  endStreams(): void;
}

/** What the routes need to send events to other systems. */
export function openFeed(
  config: { mysqlUrl: MysqlAddress },
  { horizon, newerReleases, log }: { horizon: Horizon; newerReleases: NewerReleases; log: Log },
): { feed: Feed; close: Closer } {
  // Connections of its own: other systems must not keep the lists of customers and sellers waiting.
  const { reads, close } = openMysqlReads({ ...config, log });
  const run: RunSql = (statement) => reads.read(async (mysql) => (await mysql.raw(statement))[0]);
  const stop = new AbortController();
  // By the place where the next page begins. A reader is taken out while it reads: two requests must not share one.
  const readers = new LRUCache<string, EventReader>({ max: REMEMBERED_READERS });
  const keyOf = (position: number, seller = '') => `${position} ${seller}`;
  const readPage = (reader: EventReader, wanted: Parameters<EventReader['read']>[1]) =>
    reader.read(run, wanted).catch((error) => {
      newerReleases.note('feed', error);
      throw error;
    });
  // The last condition is one look at an index, and false for nearly every page: then no coupon is read.
  const isArchivedAfter = async ({ position, generation }: Place) => {
    const rows = await run(
      `SELECT 1 FROM archived_coupons WHERE last_position > ${position} AND ${millis('archived_at')} > ${generation}
       AND (SELECT ${millis('MAX(archived_at)')} FROM archived_coupons) > ${generation} LIMIT 1`,
    );
    return rows.length > 0;
  };
  const feed: Feed = {
    places: createStreamPlaces(READERS),
    hasReached: async (position) => position === 0 || position <= (await lastPosition(run)),
    async archiveGeneration() {
      const [row] = await run(`SELECT COALESCE(${millis('MAX(archived_at)')}, 0) AS generation FROM archived_coupons`);
      return Number(row?.generation);
    },
    isArchivedAfter,
    async read({ after, generation, limit, seller, types }, waitMs, signal) {
      const started = performance.now();
      const isOver = (ms: number) => signal.aborted || performance.now() - started >= ms;
      const reader = readers.get(keyOf(after, seller)) ?? createEventReader(seller);
      readers.delete(keyOf(after, seller));
      let page: EventPage = { events: [], cursors: [], next: after };
      do {
        const horizonAt = await horizon.next();
        while (page.next < horizonAt && page.events.length === 0 && !isOver(Math.max(waitMs, SEARCH_MS))) {
          const position = page.next;
          page = ofTypes(types, await readPage(reader, { after: position, horizon: horizonAt, limit }));
          // A coupon counts as archived before the first of its events leaves the log, so a page that lacks one is found here.
          if (await isArchivedAfter({ position, generation })) return 'archived';
        }
      } while (page.events.length === 0 && !isOver(waitMs));
      readers.set(keyOf(page.next, seller), reader);
      return page;
    },
    stopped: stop.signal,
    endStreams: () => stop.abort(),
  };
  return { feed, close };
}

const millis = (timestamp: string) => `CAST(UNIX_TIMESTAMP(${timestamp}) * 1000 AS UNSIGNED)`;

function ofTypes(types: readonly EventType[] | undefined, { events, cursors, next }: EventPage): EventPage {
  if (types === undefined) return { events, cursors, next };
  const kept = events.map(({ type }) => types.includes(type));
  return { events: events.filter((_, i) => kept[i]), cursors: cursors.filter((_, i) => kept[i]), next };
}
