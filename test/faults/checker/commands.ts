import type { CouponCommand } from '../../../src/coupon/decide.ts';
import { type CouponEvent, unreachable } from '../../../src/events.ts';
import type { Op, Request } from '../records/requestHistory.ts';

// Requests and events as the commands of src/coupon/decide.ts.

/** The command that leads to an event; undefined for a creation and for a recount, which no command asks for. */
export function commandOfEvent(event: CouponEvent): CouponCommand | undefined {
  switch (event.type) {
    case 'CouponCreated':
    case 'PiecesRecounted':
      return undefined;
    case 'CouponGrabbed':
      return { type: 'grab', customer: event.data.customer, code: event.data.code };
    case 'GrabReleased':
      return { type: 'release', customer: event.data.customer, code: event.data.code };
    case 'CouponRedeemed':
      return { type: 'redeem', code: event.data.code };
    case 'RedemptionUndone':
      return { type: 'undo', code: event.data.code };
    case 'CouponRestocked':
      return { type: 'restock', amount: event.data.added };
    case 'CouponPaused':
      return { type: 'pause' };
    case 'CouponResumed':
      return { type: 'resume' };
    case 'CouponClosed':
      return { type: 'close' };
    case 'TermsChanged': {
      const { left: _, idempotencyKey: __, ...terms } = event.data;
      const removed = { startsAt: null, endsAt: null, validFrom: null, validUntil: null };
      return { type: 'change', terms: { ...removed, ...terms } };
    }
    default:
      return unreachable(event);
  }
}

export const opOf = (event: CouponEvent): Op | undefined =>
  event.type === 'CouponCreated' ? 'create' : commandOfEvent(event)?.type;

/** The command of a request; undefined for a creation. */
export function commandOfRequest({
  op,
  customer = '',
  code,
  amount = 0,
  terms = {},
}: Request): CouponCommand | undefined {
  switch (op) {
    case 'create':
      return undefined;
    case 'grab':
      return { type: op, customer };
    case 'release':
      return { type: op, customer, code };
    case 'redeem':
    case 'undo':
      return { type: op, code: code ?? '' };
    case 'restock':
      return { type: op, amount };
    case 'pause':
    case 'resume':
    case 'close':
      return { type: op };
    case 'change':
      return { type: op, terms };
    default:
      return unreachable(op);
  }
}
