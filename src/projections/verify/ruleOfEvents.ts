import { commandOf } from '../../coupon/commandOf.ts';
import { decide, type HeldPieces } from '../../coupon/decide.ts';
import type { Piece } from '../../coupon/pieces.ts';
import type { CouponState } from '../../coupon/state.ts';
import type { CouponEvent } from '../../events.ts';

// Asks the one rule of src/coupon/decide.ts whether an event of the log was allowed at its moment. The whole state with all pieces of
// all customers does not fit into constant memory, so the rule is asked twice: with the coupon as it was and a piece that fits the
// event, and with the pieces of one customer and a coupon that fits the event.

/** What is wrong with an event that came in this state at its time; undefined when the rule allows it. */
export function faultOf(event: CouponEvent, state: CouponState, pieces: HeldPieces): string | undefined {
  const command = commandOf(event);
  if (command === undefined) return undefined;
  const decision = decide(state, pieces, command, event.occurredAt);
  if ('refusal' in decision)
    return `version ${event.version}, ${event.type}, should have been refused: ${decision.refusal}`;
  const data: Record<string, unknown> = event.data;
  for (const [field, value] of Object.entries(decision.event.data)) {
    // The number of pieces left is uncertain after lost versions, so the walk compares it.
    if (field !== 'left' && data[field] !== value)
      return `version ${event.version}, ${event.type}, has ${field} ${data[field]} instead of ${value}`;
  }
  return undefined;
}

const noPieces: HeldPieces = { of: () => [], withCode: () => undefined };

/** Pieces with which the rule allows the event, unless the coupon does not. */
export function fittingPieces(event: CouponEvent): HeldPieces {
  if (!('grab' in event.data)) return noPieces;
  const { customer, grab, code } = event.data;
  const redeemedAt = event.type === 'RedemptionUndone' ? 0 : undefined;
  const piece: Piece = { customer, grab, code, grabbedAt: 0, redeemedAt };
  return { of: () => [piece], withCode: () => piece };
}

/** The coupon in a state in which the rule allows every event, unless the pieces do not. */
export const fittingState = ({
  coupon,
  version,
  amount,
  perCustomer,
  stock,
  description,
}: CouponState): CouponState => ({
  ...{ coupon, version, amount, perCustomer, stock, description },
  phase: 'open',
  left: 1,
  grabbed: 0,
  released: 0,
  redeemed: 0,
  recounted: 0,
});
