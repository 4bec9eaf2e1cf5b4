import { z } from 'zod';

// What `GET /api/live` sends, as server-sent events: `snapshot` first, then `figures`, and a `snapshot` again whenever a listener may
// have missed something.

const count = z.int().min(0);

export const liveCouponSchema = z.object({
  name: z.string(),
  amount: count,
  stock: count.meta({ description: 'Face value.' }),
  left: count.meta({ description: 'As it is in Redis, whoever took the others and when.' }),
  tries: z
    .object({ grabbed: count, soldOut: count, alreadyGrabbed: count, unknown: count })
    .meta({ description: 'Tries at it since `countedSince`, by what they were answered; `unknown` is a 503.' }),
  latency: z.object({ p50: z.number(), p99: z.number() }).nullable().meta({
    description:
      'Of the last seconds in which somebody tried, in milliseconds inside the server; null before anybody has.',
  }),
});
export type LiveCoupon = z.infer<typeof liveCouponSchema>;

export const rehearsalProgressSchema = z.object({
  seller: z.string(),
  coupon: z.string(),
  running: z.boolean(),
  customers: count,
  grabbed: count,
  refused: count,
  unknown: count.meta({ description: 'Answered with anything else, or not at all.' }),
});
export type RehearsalProgress = z.infer<typeof rehearsalProgressSchema>;

const common = {
  at: z
    .number()
    .meta({ description: 'Milliseconds since 1970 on the clock of the server. For a rate, not for a decision.' }),
  outbox: z.object({ entries: count, oldestMs: z.number() }).meta({
    description: 'Outbox entries that MySQL does not have yet; the age of the oldest is how far the projection lags.',
  }),
  durable: z.boolean().meta({ description: 'Everything decided so far is in MySQL.' }),
  shut: z.string().nullable().meta({ description: 'Why grabs are answered 503 now; null while they are taken.' }),
  rehearsal: rehearsalProgressSchema.nullable(),
};

/** The coupons are those of which something has changed. */
export const liveFiguresSchema = z.object({ ...common, coupons: z.array(liveCouponSchema) });
export type LiveFigures = z.infer<typeof liveFiguresSchema>;

/** The coupons are the newest of the seller, newest first. */
export const liveSnapshotSchema = liveFiguresSchema.extend({
  seller: z.string(),
  countedSince: z.number(),
  mayRehearse: z.boolean().meta({ description: 'Whether the seller may start a rehearsal.' }),
});
export type LiveSnapshot = z.infer<typeof liveSnapshotSchema>;

/** What all boards show alike. */
export type SystemFigures = Pick<LiveFigures, 'outbox' | 'durable' | 'shut'>;
