import { type CouponEvent, type CouponRef, couponEventSchema, eventDataSchemas, eventId } from '../../events.ts';
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

/** Throws on a row that this program cannot have written. */
export function rowToEvent(row: EventRow): CouponEvent {
  const id = bytesToId(row.coupon_id);
  return couponEventSchema.parse({
    id: eventId(id, row.version),
    type: row.type,
    coupon: { id, seller: row.seller.toString(), name: row.name.toString() },
    version: row.version,
    occurredAt: row.occurred_at,
    data: shapes.upcast(row.type, JSON.parse(row.data)),
  });
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
    const data = eventDataSchemas[type].parse(shapes.upcast(type, JSON.parse(row.data)));
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

const isEventType = (type: string): type is CouponEvent['type'] => Object.hasOwn(eventDataSchemas, type);
// The driver returns integers that a number cannot hold exactly as text.
const isWhole = (value: unknown) => Number.isSafeInteger(value);
