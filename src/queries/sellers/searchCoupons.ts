import type { SaleStatus } from '../../coupon/state.ts';
import type { Mysql } from '../../infra/stores/mysql.ts';
import type { MysqlReads } from '../../infra/stores/mysqlReads.ts';
import type { RedisClock } from '../../infra/stores/redisClock.ts';
import { PAGE_SIZE, ranksOf } from '../page.ts';
import { prefixRange } from '../prefixRange.ts';
import type { SellerCoupon } from './sellerCoupon.ts';
import type { SellerPages } from './sellerPages.ts';

export interface CouponSearch {
  status?: SaleStatus | undefined;
  /** The beginning of the coupons' names, compared byte by byte. */
  q?: string | undefined;
  sort: 'oldest' | 'newest' | 'name' | 'ending';
}

/** SQL with a `?` for each of its values. */
interface Sql {
  sql: string;
  values: readonly (string | number | Buffer)[];
}

/**
 * One page of the coupons of a seller that MySQL finds, with their values from the write model. So the page is chosen from what MySQL
 * has, and a coupon that has just changed is shown with its new status.
 */
export async function searchCoupons(
  { sellerPages, reads, clock }: { sellerPages: SellerPages; reads: MysqlReads; clock: RedisClock },
  seller: string,
  search: CouponSearch,
  page: number,
): Promise<readonly SellerCoupon[]> {
  const names = await reads.read((mysql) => findNames(mysql, seller, search, clock.earliest(), page));
  return sellerPages.readNamed(seller, names);
}

/** The names of one page. `now`: microseconds since 1970 on the clock of Redis. */
export function findNames(
  mysql: Mysql,
  seller: string,
  { status, q = '', sort }: CouponSearch,
  now: number,
  page: number,
): Promise<string[]> {
  const conditions: Sql[] = [{ sql: 'seller = ?', values: [Buffer.from(seller)] }];
  if (q !== '') conditions.push({ sql: 'name >= ? AND name < ?', values: prefixRange(q) });
  if (status !== undefined) conditions.push(statusSql(status, now));
  const { first } = ranksOf(page);
  if (sort === 'ending') return namesByEnd(mysql, conditions, now, first);
  return selectNames(mysql, conditions, orders[sort], first, PAGE_SIZE);
}

const orders = {
  oldest: 'created_at, name',
  newest: 'created_at DESC, name DESC',
  name: 'name',
} as const;

/** The coupons that end, soonest first; then those that have ended or have no end, oldest first. An index serves each part. */
async function namesByEnd(mysql: Mysql, conditions: readonly Sql[], now: number, first: number): Promise<string[]> {
  const ending = [...conditions, { sql: 'ends_at > ?', values: [now] }];
  const names = await selectNames(mysql, ending, 'ends_at, name', first, PAGE_SIZE);
  if (names.length === PAGE_SIZE) return names;
  const { sql, values } = joined(ending);
  const [[all]] = await mysql.raw(`SELECT COUNT(*) AS ending FROM coupons WHERE ${sql}`, values);
  const others = [...conditions, { sql: '(ends_at IS NULL OR ends_at <= ?)', values: [now] }];
  const from = Math.max(0, first - all.ending);
  return [...names, ...(await selectNames(mysql, others, orders.oldest, from, PAGE_SIZE - names.length))];
}

async function selectNames(
  mysql: Mysql,
  conditions: readonly Sql[],
  order: string,
  first: number,
  limit: number,
): Promise<string[]> {
  const { sql, values } = joined(conditions);
  const statement = `SELECT name FROM coupons WHERE ${sql} ORDER BY ${order} LIMIT ? OFFSET ?`;
  const [rows] = await mysql.raw(statement, [...values, limit, first]);
  return (rows as { name: Buffer }[]).map(({ name }) => name.toString());
}

const joined = (conditions: readonly Sql[]) => ({
  sql: conditions.map(({ sql }) => sql).join(' AND '),
  values: conditions.flatMap(({ values }) => values),
});

/** The condition for the status that `statusOf` (src/coupon/state.ts) computes at `now`. */
function statusSql(status: SaleStatus, now: number): Sql {
  const running = '(starts_at IS NULL OR starts_at <= ?) AND (ends_at IS NULL OR ends_at > ?)';
  switch (status) {
    case 'closed':
      return { sql: "phase = 'closed'", values: [] };
    case 'ended':
      return { sql: "phase <> 'closed' AND ends_at <= ?", values: [now] };
    case 'scheduled':
      return {
        sql: "phase <> 'closed' AND starts_at > ? AND (ends_at IS NULL OR ends_at > ?)",
        values: [now, now],
      };
    case 'paused':
      return { sql: `phase = 'paused' AND ${running}`, values: [now, now] };
    case 'sold-out':
      return { sql: `phase = 'open' AND pieces_left = 0 AND ${running}`, values: [now, now] };
    case 'on-sale':
      return { sql: `phase = 'open' AND pieces_left > 0 AND ${running}`, values: [now, now] };
    default:
      return status satisfies never;
  }
}
