import { groupedCode } from '../coupon/code.ts';
import type { CouponEvent, EventType } from '../events.ts';
import type { CouponName } from '../infra/keys.ts';
import type { Mysql } from '../infra/stores/mysql.ts';
import { readArchived } from '../projections/archive/pages.ts';
import { type EventRow, eventColumns, rowsToEvents } from '../projections/log/eventRows.ts';
import { runOnPool } from '../projections/log/pause.ts';
import { type CouponLog, type CouponLogDeps, findCouponLog, type LogPage, logPage } from './couponLog.ts';
import { isoTime, isoTimes } from './isoTime.ts';

/**
 * An event of the log for its seller: the fields of the event's data beside the others, with times as ISO 8601 and codes in groups of
 * four characters. Idempotency keys stay out: they belong to the client that chose them.
 */
export interface HistoryEvent {
  version: number;
  type: EventType;
  at: string;
  amount?: number | undefined;
  added?: number | undefined;
  stock?: number | undefined;
  description?: string | undefined;
  startsAt?: string | undefined;
  endsAt?: string | undefined;
  validFrom?: string | undefined;
  validUntil?: string | undefined;
  perCustomer?: number | undefined;
  customer?: string | undefined;
  grab?: number | undefined;
  code?: string | undefined;
  left?: number | undefined;
}

/** One page of a coupon's events, from version `after`, exclusive. */
export async function listHistory(
  deps: CouponLogDeps,
  coupon: CouponName,
  { after, limit }: { after: number; limit: number },
): Promise<LogPage<HistoryEvent> | undefined> {
  const log = await findCouponLog(deps, coupon);
  if (log === undefined) return undefined;
  const events = await deps.reads.read(async (mysql) => {
    const rows: EventRow[] = await mysql('event_log')
      .select(...eventColumns)
      .where({ coupon_id: log.id })
      .where('version', '>', after)
      .where('version', '<=', log.version)
      .orderBy('version')
      .limit(limit + 1);
    // The log is read first: events that are archived in between are in their pages by then.
    const isWhole = rows[0]?.version === after + 1 || after >= log.version;
    return rowsToEvents(isWhole ? rows : await withArchived(mysql, log, after, rows, limit + 1)).map(historyEvent);
  });
  return logPage(log, events, limit);
}

/** The page of a coupon whose first events are archived. */
async function withArchived(mysql: Mysql, { id, version }: CouponLog, after: number, hot: EventRow[], limit: number) {
  const archived: EventRow[] = [];
  for await (const page of readArchived(runOnPool(mysql), id, after)) {
    archived.push(...page.filter((row) => row.version <= version));
    if (archived.length >= limit) break;
  }
  const last = archived.at(-1)?.version ?? after;
  return [...archived, ...hot.filter((row) => row.version > last)].slice(0, limit);
}

type Time = 'startsAt' | 'endsAt' | 'validFrom' | 'validUntil';
/** The fields that the data of any event may have. */
type AnyData = Omit<HistoryEvent, 'version' | 'type' | 'at' | Time> & {
  [Field in Time]?: number | undefined;
} & { idempotencyKey?: string | undefined };

function historyEvent({ version, type, occurredAt, data }: CouponEvent): HistoryEvent {
  const { idempotencyKey: _, startsAt, endsAt, validFrom, validUntil, code, ...others }: AnyData = data;
  return {
    version,
    type,
    at: isoTime(occurredAt),
    ...others,
    ...isoTimes({ startsAt, endsAt, validFrom, validUntil }),
    ...(code === undefined ? {} : { code: groupedCode(code) }),
  };
}
