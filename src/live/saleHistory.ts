import type { Mysql } from '../infra/stores/mysql.ts';
import { bytesToId, idToBytes } from '../projections/log/eventRows.ts';
import { MAX_MINUTES, type SaleHistory } from './saleCourse.ts';

/** By the ids of the coupons. Two statements, however many coupons, and both use the primary keys. */
export async function readSaleHistory(mysql: Mysql, ids: readonly string[]): Promise<Map<string, SaleHistory>> {
  const histories = new Map<string, SaleHistory>(ids.map((id) => [id, { minutes: [], before: 0 }]));
  if (ids.length === 0) return histories;
  const bytes = ids.map(idToBytes);
  const given = ids.map(() => '?').join(',');
  const [minutes] = await mysql.raw(
    `SELECT coupon_id, minute, grabs, total FROM (
       SELECT coupon_id, minute, grabs, SUM(grabs) OVER (PARTITION BY coupon_id ORDER BY minute) AS total,
         ROW_NUMBER() OVER (PARTITION BY coupon_id ORDER BY minute DESC) AS place
       FROM sales_per_minute WHERE coupon_id IN (${given})
     ) counted WHERE place <= ? ORDER BY coupon_id, minute`,
    [...bytes, MAX_MINUTES],
  );
  for (const { coupon_id, minute, grabs, total } of minutes) {
    const history = histories.get(bytesToId(coupon_id));
    if (history === undefined) continue;
    if (history.minutes.length === 0) history.before = Number(total) - Number(grabs);
    history.minutes.push({ minute: Number(minute), grabs: Number(grabs) });
  }
  // The grabs of the lowest and the highest version: reading the times of all grabs would take as long as the sale was large.
  const [times] = await mysql.raw(
    `SELECT ends.coupon_id, MIN(grab.grabbed_at) AS first, MAX(grab.grabbed_at) AS last FROM (
       SELECT coupon_id, MIN(version) AS lowest, MAX(version) AS highest
       FROM coupon_grabs WHERE coupon_id IN (${given}) GROUP BY coupon_id
     ) ends JOIN coupon_grabs grab ON grab.coupon_id = ends.coupon_id AND grab.version IN (ends.lowest, ends.highest)
     GROUP BY ends.coupon_id`,
    bytes,
  );
  for (const { coupon_id, first, last } of times) {
    const history = histories.get(bytesToId(coupon_id));
    if (history !== undefined) history.times = { first: Number(first), last: Number(last) };
  }
  return histories;
}
