import { z } from 'zod';

// The events are the source of truth: the MySQL tables and Redis can both be rebuilt from them. Event names are in the past tense.
// Fields may be added; an existing field never changes its meaning.

const wholeNumber = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER);
const common = {
  /** `<coupon id>:<version>`, which identifies an event. */
  id: z.string(),
  coupon: z.object({ id: z.uuid(), seller: z.string().min(1), name: z.string().min(1) }),
  /** 1, 2, 3 ... without a gap within a coupon, assigned by the Lua script. */
  version: wholeNumber.min(1),
  /** Microseconds since 1970 on the clock of Redis. */
  occurredAt: wholeNumber,
};

/** Microseconds since 1970 on the clock of Redis. */
const time = wholeNumber.optional();
/** The key of the request that led to the event, if the request had one. */
const idempotencyKey = z.string().min(1).optional();
/** Pieces left after the event: every event but the creation has them. */
const left = wholeNumber;
const couponCode = z.string().min(1);

/** What a seller may change after the creation. An absent time means no limit. */
const terms = {
  stock: wholeNumber,
  description: z.string(),
  /** The sale window: grabs are decided from `startsAt` on and before `endsAt`. */
  startsAt: time,
  endsAt: time,
  /** Codes are redeemed from `validFrom` on and before `validUntil`. */
  validFrom: time,
  validUntil: time,
};
/** A piece of a customer: `grab` is the version of its CouponGrabbed. */
const piece = { customer: z.string().min(1), grab: wholeNumber.min(1) };

/** The `data` of each type of event. */
export const eventDataSchemas = {
  /** `perCustomer`: pieces that one customer may hold; absent means one. */
  CouponCreated: z.object({
    amount: wholeNumber.min(1),
    ...terms,
    perCustomer: wholeNumber.min(1).optional(),
    idempotencyKey,
  }),
  /** `code`: what the customer shows at the till. Grabs of the first releases have none. */
  CouponGrabbed: z.object({ customer: z.string().min(1), left, code: couponCode.optional(), idempotencyKey }),
  /** The customer gave the piece back: its code is dead, and the piece can be grabbed again. */
  GrabReleased: z.object({ ...piece, left, code: couponCode.optional(), idempotencyKey }),
  CouponRedeemed: z.object({ ...piece, left, code: couponCode, idempotencyKey }),
  /** The last redemption of the code does not count; the code is good again. */
  RedemptionUndone: z.object({ ...piece, left, code: couponCode, idempotencyKey }),
  /** `added` pieces; `amount` is the number of all pieces after it. */
  CouponRestocked: z.object({ added: wholeNumber.min(1), amount: wholeNumber.min(1), left, idempotencyKey }),
  CouponPaused: z.object({ left, idempotencyKey }),
  CouponResumed: z.object({ left, idempotencyKey }),
  CouponClosed: z.object({ left, idempotencyKey }),
  /** All terms as they are after the change. */
  TermsChanged: z.object({ ...terms, left, idempotencyKey }),
  /**
   * No command succeeded with this version; `left` is the number of pieces left. Reconcile writes this event when Redis lost a
   * decision before its client was answered (src/projections/recovery/recountPieces.ts).
   */
  PiecesRecounted: z.object({ left }),
} as const;

export type EventType = keyof typeof eventDataSchemas;
const eventOf = <T extends EventType>(type: T) =>
  z.object({ ...common, type: z.literal(type), data: eventDataSchemas[type] });

const couponCreated = eventOf('CouponCreated');
const couponGrabbed = eventOf('CouponGrabbed');
const grabReleased = eventOf('GrabReleased');
const couponRedeemed = eventOf('CouponRedeemed');
const redemptionUndone = eventOf('RedemptionUndone');
const couponRestocked = eventOf('CouponRestocked');
const couponPaused = eventOf('CouponPaused');
const couponResumed = eventOf('CouponResumed');
const couponClosed = eventOf('CouponClosed');
const termsChanged = eventOf('TermsChanged');
const piecesRecounted = eventOf('PiecesRecounted');

/** The events that scripts decide: they are stored in the outbox and published on the bus. */
export const decidedEventSchema = z.discriminatedUnion('type', [
  couponCreated,
  couponGrabbed,
  grabReleased,
  couponRedeemed,
  redemptionUndone,
  couponRestocked,
  couponPaused,
  couponResumed,
  couponClosed,
  termsChanged,
]);
/** The events of the event log. */
export const couponEventSchema = z.discriminatedUnion('type', [...decidedEventSchema.options, piecesRecounted]);

export type DecidedEvent = z.infer<typeof decidedEventSchema>;
export type CouponEvent = z.infer<typeof couponEventSchema>;
export type EventOf<T extends EventType> = Extract<CouponEvent, { type: T }>;
export type CouponCreated = EventOf<'CouponCreated'>;
export type CouponGrabbed = EventOf<'CouponGrabbed'>;
export type PiecesRecounted = EventOf<'PiecesRecounted'>;
export type CouponRef = CouponEvent['coupon'];

export const decidedEventTypes = decidedEventSchema.options.map(({ shape }) => shape.type.value);

export const eventId = (couponId: string, version: number) => `${couponId}:${version}`;

/** Pieces left after this event. */
export const leftAfter = (event: CouponEvent) => (event.type === 'CouponCreated' ? event.data.amount : event.data.left);

/** For the `default` of a switch over a union: a member without a case is a type error at the call. */
export function unreachable(value: never): never {
  throw new Error(`unhandled: ${JSON.stringify(value)}`);
}
