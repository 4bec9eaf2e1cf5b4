import { setTimeout as sleep } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import type { Connection } from 'mysql2';
import { couponPath } from '../../infra/keys.ts';
import { bytesToId, rowsToEvents } from '../log/eventRows.ts';
import { runOn } from '../log/readLog.ts';
import { hex } from '../log/sql.ts';
import { compareCoupon } from './compareCoupon.ts';
import { type CouponWalk, endWalk, startWalk, takeEvent } from './couponWalk.ts';
import { type CouponInTables, type JoinedRow, openSnapshot, readJoinedRows } from './readMysql.ts';
import { type CouponInRedis, type NamedCoupon, readCoupon, readOutboxVersions } from './readRedis.ts';
import { verifyCustomers } from './verifyCustomers.ts';
import { type VerifiedEvent, verifyPieces } from './verifyPieces.ts';
import { addReport, addSuspicion, emptyReport, type Report, type Suspicions } from './verifyReport.ts';

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
  let before: ReadonlySet<string> | undefined;
  for (let attempt = 1; ; attempt++) {
    const suspicions: Suspicions = { before, now: new Set() };
    const report = await verifyOnce(deps, coupons, suspicions);
    if (report.wrong === 0 || attempt === ATTEMPTS) return report;
    before = suspicions.now;
    await sleep(PAUSE_MS);
  }
}

/**
 * The order of the reads prevents false alarms: the coupons in Redis, then the outbox, then MySQL. An event leaves the outbox after
 * it is committed, so every event that Redis had is found in one of the two. Pieces and views are read after the log, because a
 * view may be written while MySQL commits the event.
 */
async function verifyOnce(
  { redis, connection }: VerifyDeps,
  coupons: readonly NamedCoupon[],
  suspicions: Suspicions,
): Promise<Report> {
  const report = emptyReport();
  if (coupons.length === 0) return report;
  const inRedis = await Promise.all(coupons.map((coupon) => readCoupon(redis, coupon)));
  const inOutbox = await readOutboxVersions(redis, coupons);
  const ids = coupons.map(({ id }) => hex(id)).join(',');
  const inTables = await openSnapshot(connection, ids);
  const verified = coupons.map((coupon, place) => {
    const [id, found] = [bytesToId(coupon.id), inRedis[place] as CouponInRedis];
    return { id, coupon, found, walk: startWalk(couponPath(coupon), found.version, inOutbox.get(id)) };
  });
  const walks = new Map(verified.map(({ id, walk }) => [id, walk]));
  const couponIds = coupons.map(({ id }) => id);
  for await (const rows of readJoinedRows(connection, couponIds)) {
    const events = rowsToEvents(rows).map((event, place): VerifiedEvent => {
      const row = rows[place] as JoinedRow;
      const walk = walks.get(event.coupon.id);
      if (walk !== undefined) takeEvent(walk, event, row);
      return { event, row, perCustomer: walk?.state?.perCustomer ?? 1 };
    });
    await verifyPieces(redis, events, report, suspicions);
  }
  const walkedByCustomer = verified.filter(({ id, walk }) => needsCustomers(walk, inTables(id)));
  const again = new Map(walkedByCustomer.map(({ id, walk }) => [id, walk]));
  await verifyCustomers({ redis, connection }, again, report, suspicions);
  await runOn(connection)('COMMIT');
  for (const { id, coupon, found, walk } of verified) {
    endWalk(walk);
    compareCoupon(walk, coupon, found, inTables(id));
    // A later event about the coupon changes the text, so only events that stay are found in two attempts.
    if (found.unlogged > 0 && !inOutbox.has(id))
      addSuspicion(
        walk.report,
        suspicions,
        `${walk.path}: Redis at version ${found.version} carries ${found.unlogged} events that MySQL has`,
      );
    addReport(report, walk.report);
  }
  return report;
}

/** Each customer of a plain coupon has one grab, and no piece of it changed after its grab. */
const needsCustomers = ({ state, pieceEvents, grabs }: CouponWalk, { grabbers }: CouponInTables) =>
  state !== undefined && (state.perCustomer > 1 || pieceEvents > 0 || grabs !== grabbers);
