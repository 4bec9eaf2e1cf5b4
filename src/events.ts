import { z } from 'zod';

// The events are the truth: MySQL's tables and Redis can both be rebuilt from them. Names are in the past tense, fields are
// added and never change their meaning.

const wholeNumber = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER);
const common = {
  /** `<coupon id>:<version>`: an event is known by the two. */
  id: z.string(),
  coupon: z.object({ id: z.uuid(), seller: z.string().min(1), name: z.string().min(1) }),
  /** 1, 2, 3 ... without a gap within a coupon, given inside the Lua script. */
  version: wholeNumber.min(1),
  /** Microseconds since 1970 on the clock of Redis. */
  occurredAt: wholeNumber,
};

/** What each type of event holds beside what all have. */
export const eventDataSchemas = {
  CouponCreated: z.object({ amount: wholeNumber.min(1), stock: wholeNumber, description: z.string() }),
  /** `left`: pieces left after this grab. `idempotencyKey`: the one that the winning request came with, if any. */
  CouponGrabbed: z.object({
    customer: z.string().min(1),
    left: wholeNumber,
    idempotencyKey: z.string().min(1).optional(),
  }),
  /**
   * Nobody got a piece by this version; `left` is how many there are. Reconcile writes it where Redis lost what it had decided
   * and told nobody (see src/projections/recovery/recountPieces.ts).
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

/** What a script decides: such events are in the outbox and travel on the bus. */
export const decidedEventSchema = z.discriminatedUnion('type', [couponCreated, couponGrabbed]);
/** What the log holds. */
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

/** For the `default` of a switch over a union: a new member that nobody handles is a type error here. */
export function unreachable(value: never): never {
  throw new Error(`unhandled: ${JSON.stringify(value)}`);
}
