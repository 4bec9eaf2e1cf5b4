import type { CouponEvent } from '../events.ts';
import type { RunSql } from './log/sql.ts';

/** Under which name a table is written now: its own when the system sells, that of its shadow when it is rebuilt. */
export type NameTable = (table: string) => string;
export const ownName: NameTable = (table) => table;

/**
 * Tables that follow from the event log and from nothing else. Adding one: a file with this shape, its line in
 * projections.ts, and the migration that makes its empty tables; `npm run replay -- --only NAME` fills them.
 */
export interface Projection {
  name: string;
  /** What it writes. One that refers to another comes after it. */
  tables: readonly string[];
  /**
   * Applies events that were never applied before, inside a transaction of the caller. They are sorted by coupon and version.
   * The caller keeps everyone else away from their coupons; between calls the versions of a coupon may come out of order.
   */
  apply(run: RunSql, nameOf: NameTable, events: readonly CouponEvent[]): Promise<void>;
}

/** The order in which a projection wants its events. */
export const byCouponAndVersion = (a: CouponEvent, b: CouponEvent) =>
  a.coupon.id < b.coupon.id ? -1 : a.coupon.id > b.coupon.id ? 1 : a.version - b.version;
