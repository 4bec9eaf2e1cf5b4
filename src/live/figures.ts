import { z } from 'zod';

// What `GET /api/live` sends, as server-sent events: `snapshot` first, then `figures`, and a `snapshot` again whenever a listener may
// have missed something.

const count = z.int().min(0);

export const liveCouponSchema = z.object({
  name: z.string(),
  amount: count,
  /** Face value. */
  stock: count,
  /** As it is in Redis, whoever took the others and when. */
  left: count,
  /** Tries at it since `countedSince`, by what they were answered; `unknown` is a 503. */
  tries: z.object({ grabbed: count, soldOut: count, alreadyGrabbed: count, unknown: count }),
  /** Of the last seconds in which somebody tried, in milliseconds inside the server; null before anybody has. */
  latency: z.object({ p50: z.number(), p99: z.number() }).nullable(),
});
export type LiveCoupon = z.infer<typeof liveCouponSchema>;

export const rehearsalProgressSchema = z.object({
  seller: z.string(),
  coupon: z.string(),
  running: z.boolean(),
  customers: count,
  grabbed: count,
  refused: count,
  /** Answered with anything else, or not at all. */
  unknown: count,
});
export type RehearsalProgress = z.infer<typeof rehearsalProgressSchema>;

const common = {
  /** Milliseconds since 1970 on the clock of the server. For a rate, not for a decision. */
  at: z.number(),
  /** Outbox entries that MySQL does not have yet; the age of the oldest is how far the projection lags. */
  outbox: z.object({ entries: count, oldestMs: z.number() }),
  /** Everything decided so far is in MySQL. */
  durable: z.boolean(),
  /** Why grabs are answered 503 now; null while they are taken. */
  shut: z.string().nullable(),
  rehearsal: rehearsalProgressSchema.nullable(),
};

/** The coupons are those of which something has changed. */
export const liveFiguresSchema = z.object({ ...common, coupons: z.array(liveCouponSchema) });
export type LiveFigures = z.infer<typeof liveFiguresSchema>;

/** The coupons are the newest of the seller, newest first. */
export const liveSnapshotSchema = liveFiguresSchema.extend({
  seller: z.string(),
  countedSince: z.number(),
  /** Whether the seller may start a rehearsal. */
  mayRehearse: z.boolean(),
});
export type LiveSnapshot = z.infer<typeof liveSnapshotSchema>;

/** What all boards show alike. */
export type SystemFigures = Pick<LiveFigures, 'outbox' | 'durable' | 'shut'>;
