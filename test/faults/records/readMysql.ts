import type { Connection, RowDataPacket } from 'mysql2/promise';
import { type CouponEvent, eventId } from '../../../src/events.ts';
import { bytesToId, eventColumns } from '../../../src/projections/log/eventRows.ts';
import type { GrabRow, SaleRecords, StoredCoupon } from './saleRecords.ts';

/** The log and the tables of one seller. */
export async function readMysql(
  mysql: Connection,
  seller: string,
): Promise<Pick<SaleRecords, 'log' | 'coupons' | 'grabs'>> {
  const select = async (sql: string) => (await mysql.query<RowDataPacket[]>(sql, [seller]))[0];
  const log = await select(`SELECT ${eventColumns.join()} FROM event_log WHERE seller = ?`);
  const coupons = await select('SELECT * FROM coupons WHERE seller = ?');
  const grabs = await select(
    'SELECT g.*, c.name FROM coupon_grabs g JOIN coupons c ON c.id = g.coupon_id WHERE c.seller = ?',
  );
  return {
    log: log.map(toEvent),
    coupons: coupons.map(toCoupon),
    grabs: grabs.map(toGrab),
  };
}

/** Not checked by the schemas: a sabotage may log what no schema allows, such as less than no pieces, and the checker says so. */
function toEvent(row: RowDataPacket): CouponEvent {
  const coupon = { id: bytesToId(row.coupon_id), seller: String(row.seller), name: String(row.name) };
  const [version, occurredAt] = [Number(row.version), Number(row.occurred_at)];
  const id = eventId(coupon.id, version);
  return { id, type: row.type, coupon, version, occurredAt, data: JSON.parse(row.data) } as CouponEvent;
}

const numberOrAbsent = (value: unknown) => (value === null || value === undefined ? undefined : Number(value));

/** Names are bytes, or text if a sabotage has changed the tables. */
const toCoupon = (row: RowDataPacket): StoredCoupon => ({
  name: String(row.name),
  amount: Number(row.amount),
  left: Number(row.pieces_left),
  version: Number(row.version),
  perCustomer: Number(row.per_customer),
  phase: row.phase,
  stock: Number(row.stock),
  description: String(row.description),
  startsAt: numberOrAbsent(row.starts_at),
  endsAt: numberOrAbsent(row.ends_at),
  validFrom: numberOrAbsent(row.valid_from),
  validUntil: numberOrAbsent(row.valid_until),
});

const toGrab = (row: RowDataPacket): GrabRow => ({
  coupon: String(row.name),
  version: Number(row.version),
  customer: String(row.customer),
  code: row.code ?? undefined,
  redeemedAt: numberOrAbsent(row.redeemed_at),
  releasedAt: numberOrAbsent(row.released_at),
});
