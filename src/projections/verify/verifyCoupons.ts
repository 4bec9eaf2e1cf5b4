import { setTimeout as sleep } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import type { Connection } from 'mysql2';
import { couponPath } from '../../infra/keys.ts';
import { bytesToId, rowsToEvents } from '../log/eventRows.ts';
import { runOn } from '../log/readLog.ts';
import { hex } from '../log/sql.ts';
import { compareCoupon } from './compareCoupon.ts';
import { endWalk, startWalk, takeEvent } from './couponWalk.ts';
import { type JoinedRow, openSnapshot, readJoinedRows } from './readMysql.ts';
import { type CouponInRedis, type NamedCoupon, readCoupon, readOutboxVersions } from './readRedis.ts';
import { verifyHolders } from './verifyHolders.ts';
import { addReport, emptyReport, type Report } from './verifyReport.ts';

const ATTEMPTS = 4;
const PAUSE_MS = 300;

interface VerifyDeps {
  redis: Redis;
  connection: Connection;
}

/**
 * Proves that Redis, the tables and the log agree on some coupons, while they are sold. An event that is committed between two reads
 * can look like a mismatch, so coupons with a mismatch are read again: only the last attempt is reported.
 */
export async function verifyCoupons(deps: VerifyDeps, coupons: readonly NamedCoupon[]): Promise<Report> {
  for (let attempt = 1; ; attempt++) {
    const report = await verifyOnce(deps, coupons);
    if (report.wrong === 0 || attempt === ATTEMPTS) return report;
    await sleep(PAUSE_MS);
  }
}

/**
 * The order of the reads prevents false alarms: the coupons in Redis, then the outbox, then MySQL. An event leaves the outbox after
 * it is committed, so every event that Redis had is found in one of the two. Holders and views are read after the log, because a
 * view may be written while MySQL commits the event.
 */
async function verifyOnce({ redis, connection }: VerifyDeps, coupons: readonly NamedCoupon[]): Promise<Report> {
  const report = emptyReport();
  if (coupons.length === 0) return report;
  const inRedis = await Promise.all(coupons.map((coupon) => readCoupon(redis, coupon)));
  const inOutbox = await readOutboxVersions(redis, coupons);
  const ids = coupons.map(({ id }) => hex(id)).join(',');
  const inTables = await openSnapshot(connection, ids);
  const verified = coupons.map((coupon, place) => {
    const [id, found] = [bytesToId(coupon.id), inRedis[place] as CouponInRedis];
    return { id, coupon, found, walk: startWalk(couponPath(coupon), found.version, inOutbox.get(id) ?? []) };
  });
  const walks = new Map(verified.map(({ id, walk }) => [id, walk]));
  for await (const rows of readJoinedRows(connection, ids)) {
    const events = rowsToEvents(rows);
    for (const [place, event] of events.entries()) {
      const walk = walks.get(event.coupon.id);
      if (walk !== undefined) takeEvent(walk, event, rows[place] as JoinedRow);
    }
    await verifyHolders(redis, events, report);
  }
  await runOn(connection)('COMMIT');
  for (const { id, coupon, found, walk } of verified) {
    endWalk(walk);
    compareCoupon(walk, coupon, found, inTables(id));
    addReport(report, walk.report);
  }
  return report;
}
