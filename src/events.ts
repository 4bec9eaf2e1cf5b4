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

/** The `data` of each type of event. */
export const eventDataSchemas = {
  CouponCreated: z.object({ amount: wholeNumber.min(1), stock: wholeNumber, description: z.string() }),
  /** `left`: pieces left after this grab. `idempotencyKey`: the key of the winning request, if it had one. */
  CouponGrabbed: z.object({
    customer: z.string().min(1),
    left: wholeNumber,
    idempotencyKey: z.string().min(1).optional(),
  }),
  /**
   * No customer got a piece by this version; `left` is the number of pieces left. Reconcile writes this event when Redis lost a
   * decision before its client was answered (src/projections/recovery/recountPieces.ts).
   */
  PiecesRecounted: z.object({ left: wholeNumber }),
} as const;

const couponCreated = z.object({ ...common, type: z.literal('CouponCreated'), data: eventDataSchemas.CouponCreated });
const couponGrabbed = z.object({ ...common, type: z.literal('CouponGrabbed'), data: eventDataSchemas.CouponGrabbed });
const piecesRecounted = z.object({
  ...common,
  type: z.literal('PiecesRecounted'),
  data: eventDataSchemas.PiecesRecounted,
});

/** The events that scripts decide: they are stored in the outbox and published on the bus. */
export const decidedEventSchema = z.discriminatedUnion('type', [couponCreated, couponGrabbed]);
/** The events of the event log. */
export const couponEventSchema = z.discriminatedUnion('type', [couponCreated, couponGrabbed, piecesRecounted]);

export type DecidedEvent = z.infer<typeof decidedEventSchema>;
export type CouponEvent = z.infer<typeof couponEventSchema>;
export type CouponCreated = z.infer<typeof couponCreated>;
export type CouponGrabbed = z.infer<typeof couponGrabbed>;
export type PiecesRecounted = z.infer<typeof piecesRecounted>;
export type CouponRef = CouponEvent['coupon'];

export const eventId = (couponId: string, version: number) => `${couponId}:${version}`;

/** Pieces left after this event. */
export const leftAfter = (event: CouponEvent) => (event.type === 'CouponCreated' ? event.data.amount : event.data.left);

/** For the `default` of a switch over a union: a member without a case is a type error at the call. */
export function unreachable(value: never): never {
  throw new Error(`unhandled: ${JSON.stringify(value)}`);
}
