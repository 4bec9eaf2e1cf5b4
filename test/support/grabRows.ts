import { grabOf } from '../../src/coupon/pieces.ts';
import type { CouponEvent } from '../../src/events.ts';
import type { PieceColumns } from '../../src/projections/verify/couponWalk.ts';

const NO_ROW: PieceColumns = {
  customer: null,
  code: null,
  grabbed_at: null,
  redeemed_at: null,
  released_at: null,
  changed_version: null,
};

/** The rows of coupon_grabs that follow from the events of a coupon, by the version of the grab; nulls where there is none. */
export function rowsOf(events: readonly CouponEvent[]): (grab: number) => PieceColumns {
  const rows = new Map<number, PieceColumns>();
  for (const event of events) {
    const grab = grabOf(event);
    if (grab === undefined) continue;
    if (event.type === 'CouponGrabbed') {
      const { customer, code = null } = event.data;
      const piece = { customer: Buffer.from(customer), code, grabbed_at: event.occurredAt };
      rows.set(grab, { ...NO_ROW, ...piece, changed_version: 0 });
      continue;
    }
    const row = rows.get(grab);
    if (row === undefined) continue;
    row.changed_version = event.version;
    row.redeemed_at = event.type === 'CouponRedeemed' ? event.occurredAt : null;
    row.released_at = event.type === 'GrabReleased' ? event.occurredAt : null;
  }
  return (grab) => rows.get(grab) ?? NO_ROW;
}
