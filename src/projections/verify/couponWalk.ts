import { grabOf } from '../../coupon/pieces.ts';
import { type CouponState, evolve } from '../../coupon/state.ts';
import type { CouponEvent, EventType } from '../../events.ts';
import { couponPath } from '../../infra/keys.ts';
import type { GrabCounts } from '../couponRow.ts';
import { faultOf, fittingPieces } from './ruleOfEvents.ts';
import { addMismatch, emptyReport, type Report } from './verifyReport.ts';
import { type InOutbox, partRange } from './versions.ts';

// The walk goes through the log of one coupon in the order of versions, and checks each event with the rule and with the row of its
// piece in coupon_grabs. The functions read no store: they change the walk that they get and nothing else.

/** The row in coupon_grabs of the piece that an event is about; nulls where the table has none. */
export interface PieceColumns {
  customer: Buffer | null;
  code: string | null;
  grabbed_at: number | null;
  redeemed_at: number | null;
  released_at: number | null;
  changed_version: number | null;
}

/** The versions of the events that the columns of the table coupons come from. */
type ColumnVersions = Record<'amount_version' | 'terms_version' | 'phase_version', number>;
const columnOf: Partial<Record<EventType, keyof ColumnVersions>> = {
  CouponRestocked: 'amount_version',
  TermsChanged: 'terms_version',
  CouponPaused: 'phase_version',
  CouponResumed: 'phase_version',
  CouponClosed: 'phase_version',
};

/** The walk as it was after some event. */
interface Moment {
  state: CouponState | undefined;
  /** The number of events. */
  events: number;
}

export interface CouponWalk extends Moment {
  /** The coupon as seller/name. */
  path: string;
  /** The version that Redis had before the log was read; 0 if Redis lacks the coupon. */
  redisVersion: number;
  /** The events that were in the outbox after that. */
  inOutbox: InOutbox;
  createdAt: number | undefined;
  /** The version of the last event. */
  version: number;
  /** The moment at the version of Redis, once an event after that version was taken. */
  atRedis: Moment | undefined;
  /** Versions before the last event that the log lacks, or had lost until a recount: each may have taken a piece. */
  uncertain: number;
  /** Numbers of events: grabs, and events about pieces after their grab. */
  grabs: number;
  pieceEvents: number;
  /** The customers who hold pieces by the log, if they were counted. */
  customers: number | undefined;
  /** The rows of coupon_grabs that belong to grabs of the log, and how many of them are released and redeemed. */
  rows: GrabCounts;
  /** The rows of coupon_grabs whose last change is an event which the walk has not taken. */
  unexplainedRows: number;
  columnVersions: ColumnVersions;
  report: Report;
}

const nothing: InOutbox = { versions: [], hasChanges: false };

export const startWalk = (path: string, redisVersion: number, inOutbox = nothing): CouponWalk => ({
  path,
  redisVersion,
  inOutbox,
  createdAt: undefined,
  version: 0,
  state: undefined,
  events: 0,
  rows: { grabbed: 0, released: 0, redeemed: 0 },
  atRedis: undefined,
  uncertain: 0,
  grabs: 0,
  pieceEvents: 0,
  customers: undefined,
  unexplainedRows: 0,
  columnVersions: { amount_version: 1, terms_version: 1, phase_version: 1 },
  report: emptyReport(),
});

/** Takes the next event, in the order of versions, with the row of its piece. */
export function takeEvent(walk: CouponWalk, event: CouponEvent, row: PieceColumns): void {
  findMissing(walk, event.version - 1);
  walk.uncertain += event.version - 1 - walk.version;
  walk.version = event.version;
  if (event.version > walk.redisVersion) walk.atRedis ??= { state: walk.state, events: walk.events };
  walk.events++;
  if (couponPath(event.coupon) !== walk.path) mismatch(walk, `version ${event.version} names another coupon`);
  takeRow(walk, event, row);
  const isCreation = event.type === 'CouponCreated';
  if (isCreation !== (event.version === 1)) mismatch(walk, `version ${event.version} is ${event.type}`);
  // A second creation changes nothing. Without the first one, nothing is known of the coupon.
  if (isCreation !== (walk.state === undefined)) return;
  if (isCreation) walk.createdAt = event.occurredAt;
  takeState(walk, event);
}

function takeState(walk: CouponWalk, event: CouponEvent): void {
  const before = walk.state;
  const fault = before && faultOf(event, before, fittingPieces(event));
  if (fault !== undefined) mismatch(walk, fault);
  const state = evolve(before, event);
  walk.state = state;
  const column = columnOf[event.type];
  if (column !== undefined) walk.columnVersions[column] = event.version;
  const expected = leftByCounts(state);
  if (event.type === 'PiecesRecounted') {
    // A recount that fills a gap repeats the number before it. The one at the end of the log has counted the pieces.
    walk.uncertain = state.left !== before?.left && state.left === expected ? 0 : walk.uncertain + 1;
  } else if (state.left > expected || state.left < expected - walk.uncertain) {
    mismatch(
      walk,
      `version ${event.version} has ${state.left} pieces left, which does not follow from the versions before it`,
    );
  }
}

/** The pieces left as the grabs, releases and restocks of the log leave them. */
const leftByCounts = ({ amount, grabbed, released }: CouponState) => amount - grabbed + released;

/** Checks the log as a whole, after its last event. */
export function endWalk(walk: CouponWalk): void {
  const { state, version, events, unexplainedRows } = walk;
  const lacking = version - events;
  findMissing(walk, walk.redisVersion);
  if (unexplainedRows !== 0)
    mismatch(walk, `coupon_grabs has ${unexplainedRows} rows that changed without an event of the log`);
  if (state === undefined) return;
  const expected = leftByCounts(state);
  if (state.left > expected || state.left < expected - lacking)
    mismatch(walk, `the log ends with ${state.left} pieces left, its versions leave ${expected}`);
}

export const mismatch = ({ path, report }: CouponWalk, text: string) => addMismatch(report, `${path}: ${text}`);

function takeRow(walk: CouponWalk, event: CouponEvent, row: PieceColumns): void {
  const { version, data } = event;
  const grab = grabOf(event);
  if (grab === undefined || !('customer' in data)) {
    if (row.customer !== null) mismatch(walk, `coupon_grabs has a grab at version ${version}, where the log has none`);
    return;
  }
  const isGrab = event.type === 'CouponGrabbed';
  if (isGrab) walk.grabs++;
  else walk.pieceEvents++;
  if (row.customer === null) {
    mismatch(walk, isGrab ? `coupon_grabs lacks version ${grab}` : `coupon_grabs lacks the grab of version ${version}`);
    return;
  }
  const isSamePiece = row.customer.toString() === data.customer && row.code === (data.code ?? null);
  if (!isSamePiece || !(isGrab ? isSameGrab : isSameChange)(walk, event, row))
    mismatch(walk, `coupon_grabs and the log differ at version ${version}`);
}

function isSameGrab(walk: CouponWalk, { occurredAt }: CouponEvent, row: PieceColumns): boolean {
  const { grabbed_at, redeemed_at, released_at, changed_version } = row;
  walk.rows.grabbed++;
  if (released_at !== null) walk.rows.released++;
  if (redeemed_at !== null) walk.rows.redeemed++;
  if (changed_version !== 0) walk.unexplainedRows++;
  return grabbed_at === occurredAt && (changed_version !== 0 || (redeemed_at === null && released_at === null));
}

/** The row is from the last event about its piece. The events before that one have left nothing in it. */
function isSameChange(walk: CouponWalk, { type, version, occurredAt }: CouponEvent, row: PieceColumns): boolean {
  const { redeemed_at, released_at, changed_version } = row;
  if (changed_version !== version) return Number(changed_version) > version;
  walk.unexplainedRows--;
  return (
    redeemed_at === (type === 'CouponRedeemed' ? occurredAt : null) &&
    released_at === (type === 'GrabReleased' ? occurredAt : null)
  );
}

/**
 * Looks in the outbox for the versions after the last event, up to `to`. Versions after the one that Redis had are not missed:
 * another process may still have to commit them.
 */
function findMissing(walk: CouponWalk, to: number): void {
  const [from, last] = [walk.version + 1, Math.min(to, walk.redisVersion)];
  if (from > last) return;
  const { missing, found } = partRange({ from, to: last }, walk.inOutbox.versions);
  walk.report.onTheirWay += found;
  for (const gap of missing) {
    walk.report.gaps += gap.to - gap.from + 1;
    const versions = gap.from === gap.to ? `version ${gap.from} is` : `versions ${gap.from} to ${gap.to} are`;
    mismatch(walk, `${versions} neither in the log nor in the outbox`);
  }
}
