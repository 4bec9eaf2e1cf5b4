import type { Closer } from '../infra/closers.ts';
import { openMysqlReads } from '../infra/stores/mysqlReads.ts';
import type { Log } from '../infra/telemetry/log.ts';
import { createStreamPlaces, type StreamPlaces } from '../live/streamPlaces.ts';
import { lastPosition } from '../projections/log/readLog.ts';
import type { RunSql } from '../projections/log/sql.ts';
import { type EventFilter, type EventPage, readEventPage } from './eventPages.ts';
import type { Horizon } from './horizon.ts';

/** Readers of one process: each holds at most one page of events. */
const READERS = { total: 200, perUser: 50, perAddress: 200 };
/** How long a request without `wait` may search for an event that fits its filter. */
const SEARCH_MS = 1_000;

interface Wanted {
  after: number;
  limit: number;
  filter: EventFilter;
}

export interface Feed {
  places: StreamPlaces;
  /** Whether an event may have this position already: a cursor beyond the log was made by another log. */
  hasReached(position: number): Promise<boolean>;
  /**
   * Resolves to the first page with an event, or to an empty page after `waitMs`, or as soon as the signal aborts. Throws
   * Unavailable when MySQL does not answer.
   */
  read(wanted: Wanted, waitMs: number, signal: AbortSignal): Promise<EventPage>;
  /** Aborts when the server stops. */
  stopped: AbortSignal;
  endStreams(): void;
}

/** What the routes need to send events to other systems. */
export function openFeed(
  config: { mysqlUrl: string },
  { horizon, log }: { horizon: Horizon; log: Log },
): { feed: Feed; close: Closer } {
  // Connections of its own: other systems must not keep the lists of customers and sellers waiting.
  const { reads, close } = openMysqlReads({ ...config, log });
  const run: RunSql = (statement) => reads.read(async (mysql) => (await mysql.raw(statement))[0]);
  const stop = new AbortController();
  const feed: Feed = {
    places: createStreamPlaces(READERS),
    hasReached: async (position) => position === 0 || position <= (await lastPosition(run)),
    async read({ after, limit, filter }, waitMs, signal) {
      const started = performance.now();
      const isOver = (ms: number) => signal.aborted || performance.now() - started >= ms;
      for (let next = after; ; ) {
        const upTo = await horizon.next();
        while (next < upTo) {
          const page = await readEventPage(run, { after: next, horizon: upTo, limit, filter });
          next = page.next;
          if (page.events.length > 0 || isOver(Math.max(waitMs, SEARCH_MS))) return page;
        }
        if (isOver(waitMs)) return { events: [], next };
      }
    },
    stopped: stop.signal,
    endStreams: () => stop.abort(),
  };
  return { feed, close };
}
