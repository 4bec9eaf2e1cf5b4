import type { Terms } from '../coupon/state.ts';
import { type CouponEvent, type EventOf, leftAfter, unreachable } from '../events.ts';
import { type Columns, given, type RunSql, updateRows, type Value } from './log/sql.ts';
import type { NameTable } from './projection.ts';

type PieceEvent = EventOf<'GrabReleased' | 'CouponRedeemed' | 'RedemptionUndone'>;

/** Columns that an event sets together. An event changes a row only if `guard` has a lower version: events may come out of order. */
interface Target {
  table: string;
  key: Columns;
  /** The column with the version of the event that the columns come from. */
  guard: string;
  columns: Columns;
}

const ofCoupon: Pick<Target, 'table' | 'key'> = { table: 'coupons', key: { id: 'id' } };
/** Set from the newest event; counting down would count an event twice that comes twice. */
const left: Target = { ...ofCoupon, guard: 'version', columns: { pieces_left: 'number' } };
const amount: Target = { ...ofCoupon, guard: 'amount_version', columns: { amount: 'number' } };
const phase: Target = { ...ofCoupon, guard: 'phase_version', columns: { phase: 'text' } };
const terms: Target = {
  ...ofCoupon,
  guard: 'terms_version',
  columns: {
    stock: 'number',
    description: 'text',
    starts_at: 'number',
    ends_at: 'number',
    valid_from: 'number',
    valid_until: 'number',
  },
};
const piece: Target = {
  table: 'coupon_grabs',
  key: { coupon_id: 'id', version: 'number' },
  guard: 'changed_version',
  columns: { redeemed_at: 'number', released_at: 'number' },
};

/** The values for the columns of `terms`, in their order. */
export const termsValues = ({ stock, description, startsAt, endsAt, validFrom, validUntil }: Terms) =>
  [stock, description, startsAt ?? null, endsAt ?? null, validFrom ?? null, validUntil ?? null] as const;

/** Updates the rows that the events change. The events are sorted by coupon and version. */
export async function applyChanges(run: RunSql, nameOf: NameTable, events: readonly CouponEvent[]): Promise<void> {
  // A later event about the same row replaces the earlier one, so each row is updated once.
  const newest = new Map<string, CouponEvent>();
  const changes = new Map<Target, Map<string, Value[]>>();
  for (const event of events) {
    if (event.type !== 'CouponCreated') newest.set(event.coupon.id, event);
    const change = changeOf(event);
    if (change === undefined) continue;
    const { target, key, values } = change;
    const rows = changes.get(target) ?? new Map<string, Value[]>();
    changes.set(target, rows.set(key.join(), [...key, event.version, ...values]));
  }
  const lefts = [...newest.values()].map((event) => [event.coupon.id, event.version, leftAfter(event)]);
  await update(run, nameOf, left, lefts);
  for (const [target, rows] of changes) await update(run, nameOf, target, [...rows.values()]);
}

interface Change {
  target: Target;
  key: Value[];
  values: Value[];
}

/** The columns that an event sets besides the number of pieces left. */
function changeOf(event: CouponEvent): Change | undefined {
  switch (event.type) {
    case 'CouponCreated':
    case 'CouponGrabbed':
    case 'PiecesRecounted':
      return undefined;
    case 'GrabReleased':
      return pieceChange(event, null, event.occurredAt);
    case 'CouponRedeemed':
      return pieceChange(event, event.occurredAt, null);
    case 'RedemptionUndone':
      return pieceChange(event, null, null);
    case 'CouponRestocked':
      return couponChange(event, amount, event.data.amount);
    case 'CouponPaused':
      return couponChange(event, phase, 'paused');
    case 'CouponResumed':
      return couponChange(event, phase, 'open');
    case 'CouponClosed':
      return couponChange(event, phase, 'closed');
    case 'TermsChanged':
      return couponChange(event, terms, ...termsValues(event.data));
    default:
      return unreachable(event);
  }
}

const couponChange = ({ coupon }: CouponEvent, target: Target, ...values: Value[]): Change => ({
  target,
  key: [coupon.id],
  values,
});

const pieceChange = ({ coupon, data }: PieceEvent, redeemedAt: Value, releasedAt: Value): Change => ({
  target: piece,
  key: [coupon.id, data.grab],
  values: [redeemedAt, releasedAt],
});

async function update(run: RunSql, nameOf: NameTable, target: Target, rows: readonly Value[][]): Promise<void> {
  const { key, guard } = target;
  const columns: Columns = { [guard]: 'number', ...target.columns };
  const set = Object.keys(columns).map((name) => `t.${name} = ${given(columns, name)}`);
  const table = nameOf(target.table);
  await updateRows(run, { table, key }, columns, { set, where: `t.${guard} < given.${guard}` }, rows);
}
