import type { Terms } from '../coupon/state.ts';
import { type CouponEvent, type EventOf, leftAfter, unreachable } from '../events.ts';
import { hex, hexId, type RunSql, updateRows } from './log/sql.ts';
import type { NameTable } from './projection.ts';

type Literal = string | number;
type PieceEvent = EventOf<'GrabReleased' | 'CouponRedeemed' | 'RedemptionUndone'>;

/** Columns that an event sets together. An event changes a row only if `guard` has a lower version: events may come out of order. */
interface Target {
  table: string;
  key: readonly string[];
  /** The column with the version of the event that the columns come from. */
  guard: string;
  columns: readonly string[];
}

const ofCoupon = { table: 'coupons', key: ['id'] };
/** Set from the newest event; counting down would count an event twice that comes twice. */
const left: Target = { ...ofCoupon, guard: 'version', columns: ['pieces_left'] };
const amount: Target = { ...ofCoupon, guard: 'amount_version', columns: ['amount'] };
const phase: Target = { ...ofCoupon, guard: 'phase_version', columns: ['phase'] };
const terms: Target = {
  ...ofCoupon,
  guard: 'terms_version',
  columns: ['stock', 'description', 'starts_at', 'ends_at', 'valid_from', 'valid_until'],
};
const piece: Target = {
  table: 'coupon_grabs',
  key: ['coupon_id', 'version'],
  guard: 'changed_version',
  columns: ['redeemed_at', 'released_at'],
};

/** Literals for the columns of `terms`, in their order. */
export const termsLiterals = ({ stock, description, startsAt, endsAt, validFrom, validUntil }: Terms): Literal[] => [
  stock,
  hex(description),
  ...[startsAt, endsAt, validFrom, validUntil].map((time) => time ?? 'NULL'),
];

/** Updates the rows that the events change. The events are sorted by coupon and version. */
export async function applyChanges(run: RunSql, nameOf: NameTable, events: readonly CouponEvent[]): Promise<void> {
  // A later event about the same row replaces the earlier one, so each row is updated once.
  const newest = new Map<string, CouponEvent>();
  const changes = new Map<Target, Map<string, Literal[]>>();
  for (const event of events) {
    if (event.type !== 'CouponCreated') newest.set(event.coupon.id, event);
    const change = changeOf(event);
    if (change === undefined) continue;
    const { target, key, values } = change;
    const rows = changes.get(target) ?? new Map<string, Literal[]>();
    changes.set(target, rows.set(key.join(), [...key, event.version, ...values]));
  }
  const lefts = [...newest.values()].map((event) => [hexId(event.coupon.id), event.version, leftAfter(event)]);
  await update(run, nameOf, left, lefts);
  for (const [target, rows] of changes) await update(run, nameOf, target, [...rows.values()]);
}

interface Change {
  target: Target;
  key: Literal[];
  values: Literal[];
}

/** The columns that an event sets besides the number of pieces left. */
function changeOf(event: CouponEvent): Change | undefined {
  switch (event.type) {
    case 'CouponCreated':
    case 'CouponGrabbed':
    case 'PiecesRecounted':
      return undefined;
    case 'GrabReleased':
      return pieceChange(event, 'NULL', event.occurredAt);
    case 'CouponRedeemed':
      return pieceChange(event, event.occurredAt, 'NULL');
    case 'RedemptionUndone':
      return pieceChange(event, 'NULL', 'NULL');
    case 'CouponRestocked':
      return couponChange(event, amount, event.data.amount);
    case 'CouponPaused':
      return couponChange(event, phase, "'paused'");
    case 'CouponResumed':
      return couponChange(event, phase, "'open'");
    case 'CouponClosed':
      return couponChange(event, phase, "'closed'");
    case 'TermsChanged':
      return couponChange(event, terms, ...termsLiterals(event.data));
    default:
      return unreachable(event);
  }
}

const couponChange = ({ coupon }: CouponEvent, target: Target, ...values: Literal[]): Change => ({
  target,
  key: [hexId(coupon.id)],
  values,
});

const pieceChange = ({ coupon, data }: PieceEvent, redeemedAt: Literal, releasedAt: Literal): Change => ({
  target: piece,
  key: [hexId(coupon.id), data.grab],
  values: [redeemedAt, releasedAt],
});

async function update(run: RunSql, nameOf: NameTable, target: Target, rows: readonly Literal[][]): Promise<void> {
  if (rows.length === 0) return;
  const { table, key, guard, columns } = target;
  const isRow = key.map((column) => `t.${column} = given.${column}`).join(' AND ');
  const set = [guard, ...columns].map((column) => `t.${column} = given.${column}`).join(', ');
  const on = `${isRow} AND t.${guard} < given.${guard}`;
  await updateRows(run, nameOf(table), [...key, guard, ...columns], { on, set }, rows);
}
