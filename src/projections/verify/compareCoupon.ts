import type { CouponCreated } from '../../events.ts';
import { bytesToId } from '../log/eventRows.ts';
import { type CouponWalk, mismatch } from './couponWalk.ts';
import type { CouponInTables } from './readMysql.ts';
import type { CouponInRedis, NamedCoupon } from './readRedis.ts';

/** Compares the end of a coupon's walk with Redis and the tables, and adds mismatches and totals to the walk's report. */
export function compareCoupon(
  walk: CouponWalk,
  named: NamedCoupon,
  inRedis: CouponInRedis,
  inTables: CouponInTables,
): void {
  compareWithRedis(walk, named, inRedis);
  compareWithTables(walk, inTables);
  addTotals(walk, inRedis, inTables);
}

const countsAtRedis = ({ counts, countsAtRedis: atRedis = counts }: CouponWalk) => atRedis;

function compareWithRedis(walk: CouponWalk, named: NamedCoupon, inRedis: CouponInRedis): void {
  const { id, amount, left, version, versionAfter, holders } = inRedis;
  if (id === null) {
    mismatch(walk, 'Redis lacks the coupon');
    return;
  }
  const isSameCoupon = id === bytesToId(named.id);
  if (!isSameCoupon) mismatch(walk, `Redis has another coupon of this name, ${id}`);
  else if (version < named.loggedBefore)
    mismatch(walk, `Redis is at version ${version}, the log at ${named.loggedBefore}`);
  const { recounts } = countsAtRedis(walk);
  if (left !== amount - version + 1 + recounts)
    mismatch(walk, `Redis has ${left} left of ${amount} at version ${version}`);
  if (holders < version - 1 - recounts || holders > versionAfter - 1 - recounts) {
    const at = version === versionAfter ? version : `${version} to ${versionAfter}`;
    mismatch(walk, `Redis has ${holders} holders at version ${at}`);
  }
  if (holders > amount) mismatch(walk, `oversold: ${holders} holders of ${amount} pieces`);
  if (isSameCoupon && walk.created !== undefined && !isAsCreated(inRedis, walk.created))
    mismatch(walk, 'amount, stock or description in Redis differ from the log');
}

function compareWithTables(walk: CouponWalk, { coupon, grabRows, sales }: CouponInTables): void {
  const { created, version, left, counts } = walk;
  if (coupon === undefined) {
    if (version > 0) mismatch(walk, 'the table coupons lacks the coupon');
  } else {
    if (created !== undefined && !(isAsCreated(coupon, created) && coupon.created_at === created.occurredAt))
      mismatch(walk, 'amount, stock, description or creation time in the table coupons differ from the log');
    if (version === 0) mismatch(walk, 'the table coupons has the coupon, the log does not');
    if (coupon.version !== version || coupon.pieces_left !== left)
      mismatch(
        walk,
        `the table coupons has ${coupon.pieces_left} left at version ${coupon.version}, the log ${left} at ${version}`,
      );
  }
  if (grabRows !== counts.grabRows)
    mismatch(walk, `coupon_grabs has ${grabRows - counts.grabRows} rows that are not in the log`);
  if (sales !== counts.grabs) mismatch(walk, `sales_per_minute counts ${sales} grabs, the log has ${counts.grabs}`);
}

const isAsCreated = (
  found: { amount: number; stock: number; description: string | null },
  { data: { amount, stock, description } }: CouponCreated,
) => found.amount === amount && found.stock === stock && found.description === description;

/** Counts all sides as of the version of Redis: the totals of the log and the tables leave out the events after that version. */
function addTotals(walk: CouponWalk, inRedis: CouponInRedis, { coupon, sales }: CouponInTables): void {
  const { report, version, left, counts } = walk;
  const atRedis = countsAtRedis(walk);
  const takenLater = version - (inRedis.id === null ? version : inRedis.version) - (counts.recounts - atRedis.recounts);
  const { events } = atRedis;
  if (version > 0) {
    const pieces = walk.created?.data.amount ?? 0;
    report.log = { coupons: 1, pieces, left: left + takenLater, holders: atRedis.grabs, events };
  }
  if (coupon !== undefined) {
    const { amount: pieces, pieces_left } = coupon;
    report.mysql = { coupons: 1, pieces, left: pieces_left + takenLater, holders: atRedis.grabRows, events };
  }
  if (inRedis.id !== null) {
    const holders = inRedis.version - 1 - atRedis.recounts;
    report.redis = { coupons: 1, pieces: inRedis.amount, left: inRedis.left, holders, events: inRedis.version };
  }
  report.sales = sales;
}
