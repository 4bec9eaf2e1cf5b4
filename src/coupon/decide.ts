import { type DecidedEvent, eventId, unreachable } from '../events.ts';
import type { Piece } from './pieces.ts';
import { type CouponState, isEmptyWindow, type SaleStatus, statusOf, type Terms, termsOf } from './state.ts';

// The one rule for what may happen when: state and command lead to an event or to a refusal. The Lua scripts decide in production,
// because only they are atomic; a test holds them against this function with random sequences of commands, and verify checks with it
// that every event of the log was allowed at its moment.

export type CouponCommand =
  | { type: 'grab'; customer: string; code?: string | undefined }
  /** Without a code, the only piece of the customer. */
  | { type: 'release'; customer: string; code?: string | undefined }
  | { type: 'redeem'; code: string }
  | { type: 'undo'; code: string }
  | { type: 'restock'; amount: number }
  | { type: 'pause' }
  | { type: 'resume' }
  | { type: 'close' }
  /** The terms that change; null removes a limit, and absent fields stay. */
  | { type: 'change'; terms: TermsChange };

export type TermsChange = { [Field in keyof Terms]?: Terms[Field] | null | undefined };

export type Refusal =
  | 'no-such-coupon'
  | 'not-started'
  | 'ended'
  | 'paused'
  | 'closed'
  | 'already-grabbed'
  | 'sold-out'
  | 'not-held'
  | 'code-needed'
  | 'no-such-code'
  | 'redeemed'
  | 'not-redeemed'
  | 'not-valid-yet'
  | 'no-longer-valid'
  | 'too-many-pieces'
  | 'not-paused'
  | 'empty-window';

/** The pieces that are held, as far as a decision needs them. */
export interface HeldPieces {
  /** The pieces of a customer, the oldest first. */
  of(customer: string): readonly Piece[];
  withCode(code: string): Piece | undefined;
}

export type Decision = { event: DecidedEvent } | { refusal: Refusal };

/** `now` is in microseconds since 1970 on the clock of Redis. `state` is undefined when the coupon does not exist. */
export function decide(
  state: CouponState | undefined,
  pieces: HeldPieces,
  command: CouponCommand,
  now: number,
): Decision {
  if (state === undefined) return { refusal: 'no-such-coupon' };
  const version = state.version + 1;
  const event = <T extends DecidedEvent['type']>(type: T, data: Extract<DecidedEvent, { type: T }>['data']) => ({
    event: {
      id: eventId(state.coupon.id, version),
      type,
      coupon: state.coupon,
      version,
      occurredAt: now,
      data,
    } as DecidedEvent,
  });
  const { left } = state;

  switch (command.type) {
    case 'grab': {
      const refusal = grabRefusals[statusOf(state, now)];
      const { customer, code } = command;
      const isAtLimit = pieces.of(customer).length >= state.perCustomer;
      if (refusal !== undefined && refusal !== 'sold-out') return { refusal };
      if (isAtLimit) return { refusal: 'already-grabbed' };
      if (refusal !== undefined) return { refusal };
      return event('CouponGrabbed', { customer, left: left - 1, ...(code === undefined ? {} : { code }) });
    }
    case 'release': {
      const held = pieces.of(command.customer);
      const piece = command.code === undefined ? held[0] : held.find(({ code }) => code === command.code);
      if (piece === undefined) return { refusal: 'not-held' };
      if (command.code === undefined && held.length > 1) return { refusal: 'code-needed' };
      if (piece.redeemedAt !== undefined) return { refusal: 'redeemed' };
      const { customer, grab, code } = piece;
      return event('GrabReleased', { customer, grab, left: left + 1, ...(code === undefined ? {} : { code }) });
    }
    case 'redeem': {
      const piece = pieces.withCode(command.code);
      if (piece === undefined) return { refusal: 'no-such-code' };
      if (piece.redeemedAt !== undefined) return { refusal: 'redeemed' };
      if (state.validFrom !== undefined && now < state.validFrom) return { refusal: 'not-valid-yet' };
      if (state.validUntil !== undefined && now >= state.validUntil) return { refusal: 'no-longer-valid' };
      return event('CouponRedeemed', { customer: piece.customer, grab: piece.grab, left, code: command.code });
    }
    case 'undo': {
      const piece = pieces.withCode(command.code);
      if (piece === undefined) return { refusal: 'no-such-code' };
      if (piece.redeemedAt === undefined) return { refusal: 'not-redeemed' };
      return event('RedemptionUndone', { customer: piece.customer, grab: piece.grab, left, code: command.code });
    }
    case 'restock': {
      if (state.phase === 'closed') return { refusal: 'closed' };
      const amount = state.amount + command.amount;
      if (amount > Number.MAX_SAFE_INTEGER) return { refusal: 'too-many-pieces' };
      return event('CouponRestocked', { added: command.amount, amount, left: left + command.amount });
    }
    case 'pause':
      return state.phase === 'open' ? event('CouponPaused', { left }) : { refusal: state.phase };
    case 'resume':
      if (state.phase === 'closed') return { refusal: 'closed' };
      return state.phase === 'paused' ? event('CouponResumed', { left }) : { refusal: 'not-paused' };
    case 'close':
      return state.phase === 'closed' ? { refusal: 'closed' } : event('CouponClosed', { left });
    case 'change': {
      if (state.phase === 'closed') return { refusal: 'closed' };
      const terms = changedTerms(state, command.terms);
      if (isEmptyWindow(terms.startsAt, terms.endsAt) || isEmptyWindow(terms.validFrom, terms.validUntil))
        return { refusal: 'empty-window' };
      return event('TermsChanged', { ...terms, left });
    }
    default:
      return unreachable(command);
  }
}

const grabRefusals: Record<SaleStatus, Refusal | undefined> = {
  scheduled: 'not-started',
  'on-sale': undefined,
  paused: 'paused',
  'sold-out': 'sold-out',
  closed: 'closed',
  ended: 'ended',
};

/** The terms after a change, without the fields that are absent. */
function changedTerms(state: Terms, change: TermsChange): Terms {
  const given = Object.entries(change).filter(([, value]) => value !== undefined);
  const merged = Object.entries({ ...termsOf(state), ...Object.fromEntries(given) });
  return Object.fromEntries(merged.filter(([, value]) => value != null)) as unknown as Terms;
}
