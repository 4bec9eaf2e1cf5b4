import { type CouponEvent, type CouponRef, type EventOf, leftAfter, unreachable } from '../events.ts';

// What is true of a coupon after its events. docs/LIFE.md has the same rules as tables.

/** What a seller may change. Times are in microseconds since 1970 on the clock of Redis; an absent time means no limit. */
export interface Terms {
  /** Face value. */
  stock: number;
  description: string;
  startsAt?: number | undefined;
  endsAt?: number | undefined;
  validFrom?: number | undefined;
  validUntil?: number | undefined;
}

/** Whether a window ends before, or just as, it starts. An absent end is open. */
export const isEmptyWindow = (from: number | null | undefined, until: number | null | undefined) =>
  from != null && until != null && until <= from;

/** `closed` is final. */
export type Phase = 'open' | 'paused' | 'closed';

export interface CouponState extends Terms {
  coupon: CouponRef;
  version: number;
  phase: Phase;
  /** All pieces: those of the creation and of every restock. */
  amount: number;
  left: number;
  perCustomer: number;
  /** Numbers of events: redemptions that were undone do not count as redeemed. */
  grabbed: number;
  released: number;
  redeemed: number;
  /** The number of versions that Redis lost and reconcile filled. */
  recounted: number;
}

export const termsOf = ({ stock, description, startsAt, endsAt, validFrom, validUntil }: Terms): Terms => ({
  stock,
  description,
  startsAt,
  endsAt,
  validFrom,
  validUntil,
});

/** The state after the creation. */
export const createdState = ({ coupon, version, data }: EventOf<'CouponCreated'>): CouponState => ({
  coupon,
  version,
  phase: 'open',
  amount: data.amount,
  left: data.amount,
  perCustomer: data.perCustomer ?? 1,
  ...termsOf(data),
  grabbed: 0,
  released: 0,
  redeemed: 0,
  recounted: 0,
});

/** The state after the next event; `state` is undefined before the creation, and is not changed. Throws when the creation is missing. */
export function evolve(state: CouponState | undefined, event: CouponEvent): CouponState {
  if (event.type === 'CouponCreated') return createdState(event);
  if (state === undefined) throw new Error(`${event.type} before the creation of the coupon`);
  const [version, left] = [event.version, leftAfter(event)];
  switch (event.type) {
    case 'CouponGrabbed':
      return { ...state, version, left, grabbed: state.grabbed + 1 };
    case 'GrabReleased':
      return { ...state, version, left, released: state.released + 1 };
    case 'CouponRedeemed':
      return { ...state, version, left, redeemed: state.redeemed + 1 };
    case 'RedemptionUndone':
      return { ...state, version, left, redeemed: state.redeemed - 1 };
    case 'CouponRestocked':
      return { ...state, version, left, amount: event.data.amount };
    case 'CouponPaused':
      return { ...state, version, left, phase: 'paused' };
    case 'CouponResumed':
      return { ...state, version, left, phase: 'open' };
    case 'CouponClosed':
      return { ...state, version, left, phase: 'closed' };
    case 'TermsChanged':
      return { ...state, version, left, ...termsOf(event.data) };
    case 'PiecesRecounted':
      return { ...state, version, left, recounted: state.recounted + 1 };
    default:
      return unreachable(event);
  }
}

export type SaleStatus = 'scheduled' | 'on-sale' | 'paused' | 'sold-out' | 'closed' | 'ended';

type Sale = Pick<CouponState, 'phase' | 'left' | 'startsAt' | 'endsAt'>;

/** The status at `now`, in microseconds since 1970 on the clock of Redis. Grabs succeed while it is `on-sale`, and only then. */
export function statusOf({ phase, left, startsAt, endsAt }: Sale, now: number): SaleStatus {
  if (phase === 'closed') return 'closed';
  if (endsAt !== undefined && now >= endsAt) return 'ended';
  if (startsAt !== undefined && now < startsAt) return 'scheduled';
  if (phase === 'paused') return 'paused';
  return left > 0 ? 'on-sale' : 'sold-out';
}
