import { setTimeout as sleep } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import type { Connection } from 'mysql2';
import type { CouponEvent } from '../../events.ts';
import { couponPath } from '../../infra/keys.ts';
import { bytesToId, rowsToEvents } from '../log/eventRows.ts';
import { runOn } from '../log/readLog.ts';
import { hex } from '../log/sql.ts';
import { type JoinedRow, joinedRows, openSnapshot } from './verifyMysql.ts';
import {
  type InRedis,
  type NamedCoupon,
  readCoupon,
  readWaiting,
  type Versions,
  verifyHolders,
} from './verifyRedis.ts';
import { type OpenReport, startReport } from './verifyReport.ts';

const ATTEMPTS = 4;
const PAUSE_MS = 300;

/**
 * Proves that Redis, the tables and the log agree on some coupons, while they are sold. What is on its way between two reads looks
 * wrong for a moment: what still looks wrong after several tries is.
 */
export async function verifyCoupons(deps: VerifyDeps, coupons: readonly NamedCoupon[]): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    const open = startReport();
    await verifyOnce({ ...deps, open }, coupons);
    if (open.report.wrong === 0 || attempt === ATTEMPTS) return deps.open.add(open.report);
    await sleep(PAUSE_MS);
  }
}

interface VerifyDeps {
  redis: Redis;
  connection: Connection;
  open: OpenReport;
}

/**
 * What Redis has is read first, then its outbox, then MySQL: an event leaves the outbox after it is committed, so it is found in
 * one of the two; and the views, which are written at the same time, are read last.
 */
async function verifyOnce({ redis, connection, open }: VerifyDeps, coupons: readonly NamedCoupon[]): Promise<void> {
  const { report, mismatch } = open;
  const inRedis = await Promise.all(coupons.map((coupon) => readCoupon(redis, coupon)));
  const waiting = await readWaiting(redis, coupons);
  const run = runOn(connection);
  const ids = coupons.map(({ id }) => hex(id)).join(',');
  if (ids === '') return;
  const { offers, grabs, sales } = await openSnapshot(run, ids);
  const walks = new Map(coupons.map((coupon, place) => [bytesToId(coupon.id), startWalk(place)]));
  for await (const rows of joinedRows(connection, ids)) {
    const events = rowsToEvents(rows);
    for (const [place, event] of events.entries()) walks.get(event.coupon.id)?.take(event, rows[place] as JoinedRow);
    await verifyHolders(redis, events, mismatch);
  }
  await run('COMMIT');
  for (const [id, walk] of walks) walk.finish(id);

  /** Goes through a coupon's events in the order of their versions. */
  function startWalk(place: number) {
    const coupon = coupons[place] as NamedCoupon;
    const redisHas = inRedis[place] as InRedis;
    const path = couponPath(coupon);
    const wrong = (what: string) => mismatch(`${path}: ${what}`);
    let created: Extract<CouponEvent, { type: 'CouponCreated' }> | undefined;
    let last = 0;
    let logged = 0;
    let grabEvents = 0;
    let grabRows = 0;
    let grabsThen = 0;
    let recounts = 0;
    let recountsThen = 0;
    let left = 0;

    const miss = (from: number, to: number) => {
      const then = Math.min(to, redisHas.version);
      if (from > then) return;
      const { missing, found } = lookFor(from, then, waiting.get(bytesToId(coupon.id)) ?? []);
      report.onTheirWay += found;
      for (const gap of missing) {
        report.gaps += gap.to - gap.from + 1;
        wrong(
          `${gap.from === gap.to ? `version ${gap.from}` : `versions ${gap.from} to ${gap.to}`}: not in the log, not in the outbox`,
        );
      }
    };
    return {
      take(event: CouponEvent, row: JoinedRow) {
        miss(last + 1, event.version - 1);
        last = event.version;
        const counts = event.version <= redisHas.version;
        if (counts) logged++;
        if (couponPath(event.coupon) !== path) wrong(`version ${last} names another coupon`);
        if (event.type === 'CouponCreated') {
          created = event;
          left = event.data.amount;
          return;
        }
        left = event.data.left;
        if (event.type === 'PiecesRecounted') {
          recounts++;
          if (counts) recountsThen++;
          if (row.customer !== null) wrong(`coupon_grabs has a grab at version ${last}, where the log has none`);
          return;
        }
        grabEvents++;
        if (counts) grabsThen++;
        // Each version takes a piece, but for those that were recounted: until the log's end says so, their pieces are missing.
        const pieces = (created?.data.amount ?? left) - left;
        if (pieces < last - 1 - recounts || pieces > last - 1) wrong(`version ${last} leaves ${left} pieces`);
        if (row.customer === null) return wrong(`coupon_grabs lacks version ${last}`);
        grabRows++;
        if (row.customer.toString() !== event.data.customer || row.grabbed_at !== event.occurredAt)
          wrong(`coupon_grabs has another grab at version ${last}`);
      },
      finish(id: string) {
        miss(last + 1, redisHas.version);
        const { version, versionAfter, holders } = redisHas;
        const offer = offers.get(id);
        if (redisHas.id === null) wrong('Redis lacks it');
        else if (redisHas.id !== id) wrong(`Redis has another coupon of this name, ${redisHas.id}`);
        else if (version < coupon.loggedBefore)
          wrong(`Redis is at version ${version}, the log at ${coupon.loggedBefore}`);
        if (redisHas.id !== null) {
          if (redisHas.left !== redisHas.amount - version + 1 + recountsThen)
            wrong(`Redis has ${redisHas.left} left of ${redisHas.amount} at version ${version}`);
          if (holders < version - 1 - recountsThen || holders > versionAfter - 1 - recountsThen)
            wrong(
              `Redis has ${holders} holders at version ${version === versionAfter ? version : `${version} to ${versionAfter}`}`,
            );
          if (holders > redisHas.amount) wrong(`oversold: ${holders} holders of ${redisHas.amount} pieces`);
        }
        if (created) {
          const { amount, stock, description } = created.data;
          if (
            redisHas.id === id &&
            (redisHas.amount !== amount || redisHas.stock !== stock || redisHas.description !== description)
          )
            wrong('Redis has another amount, stock or description than the log');
          if (
            offer &&
            (offer.amount !== amount ||
              offer.stock !== stock ||
              offer.description !== description ||
              offer.created_at !== created.occurredAt)
          )
            wrong('coupons has another amount, stock, description or time than the log');
        }
        if (created && left !== created.data.amount - (last - 1 - recounts))
          wrong(`the log ends with ${left} pieces left`);
        if (last > 0 && !offer) wrong('coupons lacks it');
        if (offer && last === 0) wrong('coupons has it, the log does not');
        if (offer && (offer.version !== last || offer.pieces_left !== left))
          wrong(`coupons has ${offer.pieces_left} left at version ${offer.version}, the log ${left} at ${last}`);
        const counted = Number(grabs.get(id)?.counted ?? 0);
        if (counted !== grabRows) wrong(`coupon_grabs has ${counted - grabRows} rows that the log does not know`);
        const sold = Number(sales.get(id)?.counted ?? 0);
        if (sold !== grabEvents) wrong(`sales_per_minute counts ${sold} grabs, the log has ${grabEvents}`);

        // What came after the version that Redis had is taken off again, so that the sums are of one moment.
        const then = redisHas.id === null ? last : version;
        const later = last - then - (recounts - recountsThen);
        if (last > 0) add(report.log, [1, created?.data.amount ?? 0, left + later, grabsThen, logged]);
        const grabbedThen = grabRows - (grabEvents - grabsThen);
        if (offer) add(report.mysql, [1, Number(offer.amount), Number(offer.pieces_left) + later, grabbedThen, logged]);
        if (redisHas.id !== null)
          add(report.redis, [1, redisHas.amount, redisHas.left, version - 1 - recountsThen, version]);
        report.sales += sold;
      },
    };
  }
}

/** How many of the versions are in these ranges, and which are not. */
function lookFor(from: number, to: number, ranges: readonly Versions[]): { found: number; missing: Versions[] } {
  const missing: Versions[] = [];
  let next = from;
  let found = 0;
  for (const range of [...ranges].sort((a, b) => a.from - b.from)) {
    const [first, last] = [Math.max(range.from, next), Math.min(range.to, to)];
    if (first > last) continue;
    if (first > next) missing.push({ from: next, to: first - 1 });
    found += last - first + 1;
    next = last + 1;
  }
  if (next <= to) missing.push({ from: next, to });
  return { found, missing };
}

function add(
  totals: OpenReport['report']['log'],
  [coupons, pieces, left, holders, events]: [number, number, number, number, number],
) {
  totals.coupons += coupons;
  totals.pieces += pieces;
  totals.left += left;
  totals.holders += holders;
  totals.events += events;
}
