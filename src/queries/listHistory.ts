import { groupedCode } from '../coupon/code.ts';
import type { CouponEvent, EventType } from '../events.ts';
import type { CouponName } from '../infra/keys.ts';
import { withArchived } from '../projections/archive/pages.ts';
import { type EventRow, eventColumns, rowsToEvents } from '../projections/log/eventRows.ts';
import { runOnPool } from '../projections/log/pause.ts';
import { type CouponLogDeps, findCouponLog, type LogPage, logPage } from './couponLog.ts';
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
    const whole = await withArchived(runOnPool(mysql), { ...log, after, limit: limit + 1 }, rows);
    return rowsToEvents(whole).map(historyEvent);
  });
  return logPage(log, events, limit);
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
