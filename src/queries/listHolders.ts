import { groupedCode } from '../coupon/code.ts';
import type { CouponName } from '../infra/keys.ts';
import type { MysqlReads } from '../infra/stores/mysqlReads.ts';
import { type CouponLog, type CouponLogDeps, findCouponLog, type LogPage, logPage } from './couponLog.ts';
import { isoTime, isoTimes } from './isoTime.ts';
import { prefixRange } from './prefixRange.ts';

/** A page of a download: enough rows that the round trip does not matter, few enough that a page is small in memory. */
const DOWNLOAD_PAGE = 2_000;

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

interface HolderRow {
  version: number;
  customer: Buffer;
  code: string | null;
  grabbed_at: number;
  redeemed_at: number | null;
}

function readHolders(
  reads: MysqlReads,
  { id, version }: CouponLog,
  { after, q }: HoldersFilter,
  limit: number,
): Promise<Holder[]> {
  const ofCustomers = q === '' ? '' : 'AND customer >= ? AND customer < ?';
  return reads.read(async (mysql) => {
    const [rows] = await mysql.raw(
      `SELECT version, customer, code, grabbed_at, redeemed_at FROM coupon_grabs
       WHERE coupon_id = ? AND version > ? AND version <= ? AND released_at IS NULL ${ofCustomers}
       ORDER BY version LIMIT ?`,
      [id, after, version, ...(q === '' ? [] : prefixRange(q)), limit],
    );
    return (rows as HolderRow[]).map(holder);
  });
}

const holder = ({ version, customer, code, grabbed_at, redeemed_at }: HolderRow): Holder => ({
  version,
  customer: customer.toString(),
  ...(code === null ? {} : { code: groupedCode(code) }),
  grabbedAt: isoTime(grabbed_at),
  ...isoTimes({ redeemedAt: redeemed_at ?? undefined }),
});
