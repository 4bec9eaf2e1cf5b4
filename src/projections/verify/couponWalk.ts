import { type CouponCreated, type CouponEvent, type CouponGrabbed, leftAfter, unreachable } from '../../events.ts';
import { couponPath } from '../../infra/keys.ts';
import { addMismatch, emptyReport, type Report } from './verifyReport.ts';

// The walk goes through the log of one coupon, event by event, and checks each event with its row in coupon_grabs. The functions
// read no store: they change the walk that they get and nothing else.

/** A range of versions, both ends inclusive. */
export interface Versions {
  from: number;
  to: number;
}

/** The columns of coupon_grabs for one event; null where the table has no row of its version. */
export interface GrabColumns {
  customer: Buffer | null;
  grabbed_at: number | null;
}

interface Counts {
  events: number;
  grabs: number;
  /** Grabs that have their row in coupon_grabs. */
  grabRows: number;
  recounts: number;
}

export interface CouponWalk {
  /** The coupon as seller/name. */
  path: string;
  /** The version that Redis had before the log was read; 0 if Redis lacks the coupon. */
  redisVersion: number;
  /** The versions that were in the outbox after that. */
  inOutbox: readonly Versions[];
  created: CouponCreated | undefined;
  /** The version of the last event, and the pieces left after it. */
  version: number;
  left: number;
  counts: Counts;
  /** The counts at the version of Redis, once an event after that version was taken. */
  countsAtRedis: Counts | undefined;
  report: Report;
}

export const startWalk = (path: string, redisVersion: number, inOutbox: readonly Versions[]): CouponWalk => ({
  path,
  redisVersion,
  inOutbox,
  created: undefined,
  version: 0,
  left: 0,
  counts: { events: 0, grabs: 0, grabRows: 0, recounts: 0 },
  countsAtRedis: undefined,
  report: emptyReport(),
});

/** Takes the next event, in the order of versions, with its row. */
export function takeEvent(walk: CouponWalk, event: CouponEvent, row: GrabColumns): void {
  findMissing(walk, event.version - 1);
  if (event.version > walk.redisVersion) walk.countsAtRedis ??= { ...walk.counts };
  walk.version = event.version;
  walk.left = leftAfter(event);
  walk.counts.events++;
  if (couponPath(event.coupon) !== walk.path) mismatch(walk, `version ${event.version} names another coupon`);
  switch (event.type) {
    case 'CouponCreated':
      walk.created = event;
      break;
    case 'PiecesRecounted':
      walk.counts.recounts++;
      if (row.customer !== null)
        mismatch(walk, `coupon_grabs has a grab at version ${event.version}, where the log has none`);
      break;
    case 'CouponGrabbed':
      takeGrab(walk, event, row);
      break;
    default:
      unreachable(event);
  }
}

/** Checks the log as a whole, after its last event. */
export function endWalk(walk: CouponWalk): void {
  findMissing(walk, walk.redisVersion);
  const { created, version, left, counts } = walk;
  if (created === undefined) return;
  const expected = created.data.amount - (version - 1 - counts.recounts);
  if (left !== expected) mismatch(walk, `the log ends with ${left} pieces left, its versions leave ${expected}`);
}

export const mismatch = ({ path, report }: CouponWalk, text: string) => addMismatch(report, `${path}: ${text}`);

function takeGrab(walk: CouponWalk, { version, occurredAt, data }: CouponGrabbed, row: GrabColumns): void {
  walk.counts.grabs++;
  // Each version takes a piece, except those that were recounted: their pieces come back with the recount that ends the log.
  const taken = (walk.created?.data.amount ?? data.left) - data.left;
  if (taken < version - 1 - walk.counts.recounts || taken > version - 1)
    mismatch(
      walk,
      `version ${version} has ${data.left} pieces left, which does not follow from the versions before it`,
    );
  if (row.customer === null) {
    mismatch(walk, `coupon_grabs lacks version ${version}`);
    return;
  }
  walk.counts.grabRows++;
  if (row.customer.toString() !== data.customer || row.grabbed_at !== occurredAt)
    mismatch(walk, `coupon_grabs and the log differ at version ${version}`);
}

/**
 * Looks in the outbox for the versions after the last event, up to `to`. Versions after the one that Redis had are not missed:
 * another process may still have to commit them.
 */
function findMissing(walk: CouponWalk, to: number): void {
  const [from, last] = [walk.version + 1, Math.min(to, walk.redisVersion)];
  if (from > last) return;
  const { missing, found } = partRange({ from, to: last }, walk.inOutbox);
  walk.report.onTheirWay += found;
  for (const gap of missing) {
    walk.report.gaps += gap.to - gap.from + 1;
    const versions = gap.from === gap.to ? `version ${gap.from} is` : `versions ${gap.from} to ${gap.to} are`;
    mismatch(walk, `${versions} neither in the log nor in the outbox`);
  }
}

/** The number of versions of a range that are in other ranges, and the ranges of the versions that are not. */
function partRange({ from, to }: Versions, ranges: readonly Versions[]): { found: number; missing: Versions[] } {
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
