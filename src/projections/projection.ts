import type { CouponEvent } from '../events.ts';
import type { RunSql } from './log/sql.ts';

/** The name that a table is written under: its own while the system sells, that of its shadow during a replay. */
export type NameTable = (table: string) => string;
export const ownName: NameTable = (table) => table;

/**
 * Tables that follow from the event log and from nothing else. To add a projection: a file with this shape, its line in
 * registry.ts, and the migration that makes its empty tables; `npm run replay -- --only NAME` fills them.
 */
export interface Projection {
  name: string;
  /** The tables that it writes. A table with a foreign key comes after the table that the key refers to. */
  tables: readonly string[];
  /**
   * Applies events that were never applied before, inside a transaction of the caller, sorted by coupon and version. The caller
   * holds the locks of their coupons. From one call to the next the versions of a coupon may come out of order.
   */
  apply(run: RunSql, nameOf: NameTable, events: readonly CouponEvent[]): Promise<void>;
}

/** The order in which a projection gets its events. */
export const byCouponAndVersion = (a: CouponEvent, b: CouponEvent) =>
  a.coupon.id < b.coupon.id ? -1 : a.coupon.id > b.coupon.id ? 1 : a.version - b.version;
