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

export const eventDataSchemas = {
  CouponCreated: z.object({ amount: wholeNumber.min(1), stock: wholeNumber, description: z.string() }),
  /** `left`: pieces left after this grab. */
  CouponGrabbed: z.object({ customer: z.string().min(1), left: wholeNumber }),
} as const;

export const couponEventSchema = z.discriminatedUnion('type', [
  z.object({ ...common, type: z.literal('CouponCreated'), data: eventDataSchemas.CouponCreated }),
  z.object({ ...common, type: z.literal('CouponGrabbed'), data: eventDataSchemas.CouponGrabbed }),
]);

export type CouponEvent = z.infer<typeof couponEventSchema>;
export type CouponCreated = Extract<CouponEvent, { type: 'CouponCreated' }>;
export type CouponGrabbed = Extract<CouponEvent, { type: 'CouponGrabbed' }>;
export type CouponRef = CouponEvent['coupon'];

export const eventId = (couponId: string, version: number) => `${couponId}:${version}`;

/** For the `default` of a switch over a union: a new member that nobody handles is a type error here. */
export function unreachable(value: never): never {
  throw new Error(`unhandled: ${JSON.stringify(value)}`);
}
