import { groupedCode } from '../coupon/code.ts';
import type { CouponName } from '../infra/keys.ts';
import type { Mysql } from '../infra/stores/mysql.ts';
import type { MysqlReads } from '../infra/stores/mysqlReads.ts';
import { type CouponLog, type CouponLogDeps, findCouponLog, type LogPage, logPage } from './couponLog.ts';
import { isoTime, isoTimes } from './isoTime.ts';
import { prefixRange } from './prefixRange.ts';

/** Rows of a page of a download: the page is small in memory, and its round trip is short beside the time of its rows. */
const DOWNLOAD_PAGE = 2_000;
/** A search with fewer matches sorts them. */
const MANY_MATCHES = 10_000;

/** A piece that is held, in MySQL. Times are ISO 8601 on the clock of Redis. */
export interface Holder {
  /** The version of the grab. */
  version: number;
  customer: string;
  /** In groups of four characters; absent for grabs of the first releases. */
  code?: string | undefined;
  grabbedAt: string;
  /** Absent while the code is good. */
  redeemedAt?: string | undefined;
}

export interface HoldersFilter {
  /** The version after which the list begins. */
  after: number;
  /** The beginning of the customers' names. */
  q: string;
}

/** One page of the pieces of a coupon that are held, in the order of their grabs. */
export async function listHolders(
  deps: CouponLogDeps,
  coupon: CouponName,
  filter: HoldersFilter & { limit: number },
): Promise<LogPage<Holder> | undefined> {
  const log = await findCouponLog(deps, coupon);
  return log && logPage(log, await readHolders(deps.reads, log, filter, filter.limit + 1), filter.limit);
}

/** The same from `after` to the end, in pages; at least one, which may be empty. No connection is held between two pages. */
export async function* pagesOfHolders(
  reads: MysqlReads,
  log: CouponLog,
  { after, q }: HoldersFilter,
  pageSize = DOWNLOAD_PAGE,
): AsyncGenerator<Holder[]> {
  for (let last: number | undefined = after; last !== undefined; ) {
    const page: Holder[] = await readHolders(reads, log, { after: last, q }, pageSize);
    yield page;
    last = page.length < pageSize ? undefined : page.at(-1)?.version;
  }
}

export interface HolderRow {
  version: number;
  customer: Buffer;
  code: string | null;
  grabbed_at: number;
  redeemed_at: number | null;
}

const readHolders = (reads: MysqlReads, log: CouponLog, filter: HoldersFilter, limit: number): Promise<Holder[]> =>
  reads.read(async (mysql) => (await selectHolders(mysql, log, filter, limit)).map(holder));

/** The rows of one page. */
export async function selectHolders(
  mysql: Mysql,
  { id, version }: Pick<CouponLog, 'id' | 'version'>,
  { after, q }: HoldersFilter,
  limit: number,
): Promise<HolderRow[]> {
  const range = q === '' ? [] : prefixRange(q);
  const [rows] = await mysql.raw(
    `SELECT version, customer, code, grabbed_at, redeemed_at
     FROM coupon_grabs FORCE INDEX (${q === '' ? 'PRIMARY' : await indexFor(mysql, id, range)})
     WHERE coupon_id = ? AND version > ? AND version <= ? AND released_at IS NULL
     ${q === '' ? '' : 'AND customer >= ? AND customer < ?'} ORDER BY version LIMIT ?`,
    [id, after, version, ...range, limit],
  );
  return rows;
}

/**
 * The primary key has the rows in the order of the page. When few customers match, reading it would pass over nearly all rows, so
 * their rows are read by the other key and sorted. The optimizer would always choose the primary key, to avoid the sort.
 */
async function indexFor(mysql: Mysql, id: Buffer, range: readonly Buffer[]): Promise<'PRIMARY' | 'customers'> {
  const [[matches]] = await mysql.raw(
    `SELECT COUNT(*) AS counted FROM (SELECT 1 FROM coupon_grabs FORCE INDEX (customers)
     WHERE coupon_id = ? AND customer >= ? AND customer < ? LIMIT ?) matches`,
    [id, ...range, MANY_MATCHES],
  );
  return matches.counted < MANY_MATCHES ? 'customers' : 'PRIMARY';
}

const holder = ({ version, customer, code, grabbed_at, redeemed_at }: HolderRow): Holder => ({
  version,
  customer: customer.toString(),
  ...(code === null ? {} : { code: groupedCode(code) }),
  grabbedAt: isoTime(grabbed_at),
  ...isoTimes({ redeemedAt: redeemed_at ?? undefined }),
});
