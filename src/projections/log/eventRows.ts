import { type CouponEvent, type CouponRef, couponEventSchema, eventDataSchemas, eventId } from '../../events.ts';
import { canBeNewerType, NewerRelease } from '../../newerRelease.ts';
import { hex, hexId, quoted } from './sql.ts';
import { shapes } from './upcast.ts';

// How an event is stored in MySQL: ids as 16 bytes, names as bytes, the data as JSON.

export const idToBytes = (id: string) => Buffer.from(id.replaceAll('-', ''), 'hex');

export function bytesToId(bytes: Buffer): string {
  const hex = bytes.toString('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}

export interface EventRow {
  coupon_id: Buffer;
  version: number;
  type: string;
  seller: Buffer;
  name: Buffer;
  occurred_at: number;
  data: string;
}
export const eventColumns = ['coupon_id', 'version', 'type', 'seller', 'name', 'occurred_at', 'data'] as const;

/** Rows of literals, the columns in the order of `eventColumns`. The literals of a coupon are built once for consecutive events. */
export function toLogRows(events: readonly CouponEvent[]): string[] {
  let last: CouponRef | undefined;
  let [id, names] = ['', ''];
  return events.map(({ coupon, version, type, occurredAt, data }) => {
    if (last === undefined || coupon.id !== last.id || coupon.seller !== last.seller || coupon.name !== last.name) {
      last = coupon;
      id = hexId(coupon.id);
      names = `${hex(coupon.seller)},${hex(coupon.name)}`;
    }
    return `(${id},${version},'${type}',${names},${occurredAt},${quoted(JSON.stringify(shapes.stamp(type, data)))})`;
  });
}

/** Throws NewerRelease on a row that only a newer release can have written, and another error on a row that no release can have written. */
export function rowToEvent(row: EventRow): CouponEvent {
  const id = bytesToId(row.coupon_id);
  return couponEventSchema.parse({
    id: eventId(id, row.version),
    type: row.type,
    coupon: { id, seller: row.seller.toString(), name: row.name.toString() },
    version: row.version,
    occurredAt: row.occurred_at,
    data: dataOf(row),
  });
}

/** The stored data in today's shape, with no field that this release would drop. */
function dataOf({ type, data: text }: EventRow): Record<string, unknown> {
  const stored: Record<string, unknown> = JSON.parse(text);
  if (!isEventType(type)) {
    if (canBeNewerType(type)) throw new NewerRelease(`an event of type ${type}`, stored.needs);
    return stored;
  }
  const data = shapes.upcast(type, stored);
  const { shape } = eventDataSchemas[type];
  for (const name in data)
    if (!(name in shape)) throw new NewerRelease(`the field ${name} of an event of type ${type}`, stored.needs);
  return data;
}

/**
 * `rowToEvent` for many rows, in a third of the time: the coupon's id and names are checked once and then shared by its events,
 * and a field is not checked where its column already guarantees the value.
 */
export function rowsToEvents(rows: readonly EventRow[]): CouponEvent[] {
  const known = new Map<string, { row: EventRow; coupon: CouponRef }>();
  return rows.map((row) => {
    const key = row.coupon_id.toString('latin1');
    const found = known.get(key);
    if (!(found?.row.seller.equals(row.seller) && found.row.name.equals(row.name))) {
      const event = rowToEvent(row);
      known.set(key, { row, coupon: event.coupon });
      return event;
    }
    const { type, version, occurred_at: occurredAt } = row;
    if (!isEventType(type) || !isWhole(version) || version < 1 || !isWhole(occurredAt)) return rowToEvent(row);
    const data = eventDataSchemas[type].parse(dataOf(row));
    return {
      id: eventId(found.coupon.id, version),
      type,
      coupon: found.coupon,
      version,
      occurredAt,
      data,
    } as CouponEvent;
  });
}

/** The events of the rows that this release understands, and the ids of the others, which a newer release has logged. */
export function separateNewer(rows: readonly EventRow[]): { events: CouponEvent[]; newer: Set<string> } {
  const newer = new Set<string>();
  try {
    return { events: rowsToEvents(rows), newer };
  } catch (error) {
    if (!(error instanceof NewerRelease)) throw error;
  }
  const events = rows.flatMap((row) => {
    try {
      return [rowToEvent(row)];
    } catch (error) {
      if (!(error instanceof NewerRelease)) throw error;
      newer.add(eventId(bytesToId(row.coupon_id), row.version));
      return [];
    }
  });
  return { events, newer };
}

const isEventType = (type: string): type is CouponEvent['type'] => Object.hasOwn(eventDataSchemas, type);
// The driver returns integers that a number cannot hold exactly as text.
const isWhole = (value: unknown) => Number.isSafeInteger(value);
