import { type CouponEvent, unreachable } from '../events.ts';
import type { CouponCommand } from './decide.ts';
import { termsOf } from './state.ts';

/** The command that led to an event; undefined for a creation and for a recount, which no such command asks for. */
export function commandOf(event: CouponEvent): CouponCommand | undefined {
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
      const terms = Object.entries(termsOf(event.data)).map(([field, value]) => [field, value ?? null]);
      return { type: 'change', terms: Object.fromEntries(terms) };
    }
    default:
      return unreachable(event);
  }
}
