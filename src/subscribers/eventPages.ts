import type { EventType } from '../events.ts';
import { type EventRow, eventColumns, rowsToEvents } from '../projections/log/eventRows.ts';
import { hex, type RunSql } from '../projections/log/sql.ts';
import { type CloudEvent, toCloudEvent } from './cloudEvent.ts';

/** Positions that one query looks at: a filter that matches nothing must not read the whole log at once. */
const MAX_SCANNED = 20_000;

export interface EventFilter {
  seller?: string | undefined;
  types?: readonly EventType[] | undefined;
}

export interface EventPage {
  events: CloudEvent[];
  /** The position after which the next page begins. */
  next: number;
}

/** Reads the events after this position, in the order of the log and no further than the horizon. */
export async function readEventPage(
  run: RunSql,
  { after, horizon, limit, filter = {} }: { after: number; horizon: number; limit: number; filter?: EventFilter },
): Promise<EventPage> {
  const to = Math.min(horizon, after + MAX_SCANNED);
  if (to <= after) return { events: [], next: after };
  const { seller, types } = filter;
  const conditions = [
    `position > ${after} AND position <= ${to}`,
    ...(seller === undefined ? [] : [`seller = ${hex(seller)}`]),
    ...(types === undefined ? [] : [`type IN (${types.map((type) => `'${type}'`).join(',')})`]),
  ];
  const rows = (await run(
    `SELECT position,${eventColumns.join(',')} FROM event_log FORCE INDEX (PRIMARY) WHERE ${conditions.join(' AND ')}
     ORDER BY position LIMIT ${limit}`,
  )) as unknown as (EventRow & { position: number })[];
  const events = rowsToEvents(rows).map((event, i) => toCloudEvent(event, rows[i]?.position ?? 0));
  const last = rows.at(-1)?.position;
  return { events, next: rows.length === limit && last !== undefined ? last : to };
}
