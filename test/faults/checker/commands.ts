import { commandOf } from '../../../src/coupon/commandOf.ts';
import type { CouponCommand } from '../../../src/coupon/decide.ts';
import { type CouponEvent, unreachable } from '../../../src/events.ts';
import type { Op, Request } from '../records/requestHistory.ts';

// Requests and events as the commands of src/coupon/decide.ts.

export const opOf = (event: CouponEvent): Op | undefined =>
  event.type === 'CouponCreated' ? 'create' : commandOf(event)?.type;

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
