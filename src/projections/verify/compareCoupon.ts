import { couponFields } from '../../coupon/couponFields.ts';
import { stateOfRow } from '../couponRow.ts';
import { bytesToId } from '../log/eventRows.ts';
import { type CouponWalk, mismatch } from './couponWalk.ts';
import type { CouponInTables } from './readMysql.ts';
import type { CouponInRedis, NamedCoupon } from './readRedis.ts';
import { noTotals, type Totals } from './verifyReport.ts';

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

/** The moment of the walk at the version of Redis; at its end if Redis lacks the coupon. */
const momentAtRedis = (walk: CouponWalk, { version }: CouponInRedis) => (version === 0 ? walk : (walk.atRedis ?? walk));

const numbersIn = ({ amount, left, released = '0', redeemed = '0', perCustomer = '1' }: Record<string, string>) => ({
  amount: Number(amount),
  left: Number(left),
  released: Number(released),
  redeemed: Number(redeemed),
  perCustomer: Number(perCustomer),
});

function compareWithRedis(walk: CouponWalk, named: NamedCoupon, inRedis: CouponInRedis): void {
  const { fields, version } = inRedis;
  if (fields.id !== bytesToId(named.id)) {
    const isLacking = fields.id === undefined;
    mismatch(walk, isLacking ? 'Redis lacks the coupon' : `Redis has another coupon of this name, ${fields.id}`);
    return;
  }
  if (version < named.loggedBefore) mismatch(walk, `Redis is at version ${version}, the log at ${named.loggedBefore}`);
  if (fields.damaged !== undefined) mismatch(walk, `Redis has set the coupon apart: ${fields.damaged}`);
  compareHashes(walk, inRedis);
  compareWithState(walk, inRedis);
}

/** The hashes of a coupon were read at one moment, so they agree with each other even while the coupon is sold. */
function compareHashes(walk: CouponWalk, { fields, version, holders, redemptions }: CouponInRedis): void {
  const { amount, left, redeemed, perCustomer } = numbersIn(fields);
  if (holders > amount) mismatch(walk, `oversold: ${holders} holders of ${amount} pieces`);
  else if (holders > amount - left || holders * perCustomer < amount - left)
    mismatch(walk, `Redis has ${holders} holders at version ${version}, with ${left} left of ${amount} pieces`);
  if (redemptions !== redeemed)
    mismatch(walk, `Redis has ${redemptions} redeemed codes at version ${version}, and counts ${redeemed}`);
}

/** The fields that grabs and events about pieces change. */
const PIECE_FIELDS: ReadonlySet<string> = new Set(['version', 'left', 'released', 'redeemed']);
/** The fields that no event changes. */
const FIXED_FIELDS: ReadonlySet<string> = new Set(['id', 'seller', 'name', 'perCustomer']);

function compareWithState(walk: CouponWalk, inRedis: CouponInRedis): void {
  const { state } = momentAtRedis(walk, inRedis);
  if (state === undefined) return;
  const { fields, version } = inRedis;
  // Events that Redis has and the log lacks: the state of the log is that many events older.
  const lacking = walk.report.onTheirWay + walk.report.gaps;
  const isComparable = (field: string) =>
    field !== 'damaged' &&
    (lacking === 0 || FIXED_FIELDS.has(field) || (!walk.inOutbox.hasChanges && !PIECE_FIELDS.has(field)));
  compareFields(walk, `Redis at version ${version}`, fields, couponFields(state), isComparable);
  if (lacking === 0) {
    if (walk.customers !== undefined && walk.version === version && walk.customers !== inRedis.holders)
      mismatch(walk, `Redis has ${inRedis.holders} holders at version ${version}, the log ${walk.customers}`);
    return;
  }
  const inHash = numbersIn(fields);
  const released = inHash.released - state.released;
  const grabbed = inHash.amount - inHash.left + inHash.released - state.grabbed;
  const redeemed = Math.abs(inHash.redeemed - state.redeemed);
  if (released < 0 || grabbed < 0 || released + grabbed + redeemed > lacking)
    mismatch(walk, `Redis has ${fields.left} left of ${fields.amount} at version ${version}, the log ${state.left}`);
}

function compareWithTables(walk: CouponWalk, { coupon, grabRows, sales }: CouponInTables): void {
  const { state, version, rows } = walk;
  if (coupon === undefined) {
    if (version > 0) mismatch(walk, 'the table coupons lacks the coupon');
  } else if (version === 0) {
    mismatch(walk, 'the table coupons has the coupon, the log does not');
  } else if (state !== undefined) {
    compareFields(walk, 'MySQL', couponFields(stateOfRow(coupon, rows)), couponFields(state), () => true);
    if (coupon.created_at !== walk.createdAt)
      mismatch(walk, `MySQL has created_at ${coupon.created_at}, the log ${walk.createdAt}`);
    for (const [column, expected] of Object.entries(walk.columnVersions)) {
      const found = coupon[column as keyof typeof walk.columnVersions];
      if (found !== expected) mismatch(walk, `MySQL has ${column} ${found}, the log ${expected}`);
    }
  }
  if (grabRows !== rows.grabbed)
    mismatch(walk, `coupon_grabs has ${grabRows - rows.grabbed} rows that are not in the log`);
  if (sales !== walk.grabs) mismatch(walk, `sales_per_minute counts ${sales} grabs, the log has ${walk.grabs}`);
}

function compareFields(
  walk: CouponWalk,
  store: string,
  found: Record<string, string>,
  expected: Record<string, string>,
  isComparable: (field: string) => boolean,
): void {
  for (const field of new Set([...Object.keys(found), ...Object.keys(expected)])) {
    if (isComparable(field) && found[field] !== expected[field])
      mismatch(walk, `${store} has ${field} ${found[field] ?? '(none)'}, the log ${expected[field] ?? '(none)'}`);
  }
}

/** Counts all sides as of the version of Redis: the totals of the log and the tables leave out the events after that version. */
function addTotals(walk: CouponWalk, inRedis: CouponInRedis, { coupon, sales }: CouponInTables): void {
  const { report, version, state, rows } = walk;
  const atRedis = momentAtRedis(walk, inRedis);
  const { events } = atRedis;
  const inLog = totalsOf(atRedis.state, events);
  if (version > 0) report.log = inLog;
  if (coupon !== undefined) {
    const [now, atEnd] = [totalsOf(stateOfRow(coupon, rows), events), totalsOf(state, events)];
    for (const count of Object.keys(now) as (keyof Totals)[]) now[count] += inLog[count] - atEnd[count];
    report.mysql = now;
  }
  const { fields } = inRedis;
  if (fields.id !== undefined) {
    const { amount, left, released, redeemed } = numbersIn(fields);
    const grabbed = amount - left + released;
    report.redis = totalsOf({ amount, left, grabbed, released, redeemed }, inRedis.version);
  }
  report.sales = sales;
}

type Countable = { amount: number; left: number; grabbed: number; released: number; redeemed: number };

function totalsOf(state: Countable | undefined, events: number): Totals {
  if (state === undefined) return { ...noTotals(), coupons: 1, events };
  const { amount, left, grabbed, released, redeemed } = state;
  return { coupons: 1, pieces: amount, left, held: grabbed - released, released, redeemed, events };
}
