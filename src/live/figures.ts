import { z } from 'zod';
import type { SaleStatus } from '../coupon/state.ts';

// The server-sent events of `GET /api/live`: first a `snapshot`, then `figures`, and another `snapshot` whenever a listener may have
// missed an event.

const count = z.int().min(0);
const saleStatus = z.enum([
  'scheduled',
  'on-sale',
  'paused',
  'sold-out',
  'closed',
  'ended',
]) satisfies z.ZodType<SaleStatus>;
const timeOrNull = (description: string) => z.number().nullable().meta({ description });

export const liveCouponSchema = z.object({
  name: z.string(),
  amount: count.meta({ description: 'All pieces: those of the creation and of every restock.' }),
  stock: count.meta({ description: 'Face value.' }),
  left: count.meta({ description: 'Pieces left in Redis, whichever process handled the grabs.' }),
  grabbed: count.meta({ description: 'Pieces that customers have got: the number of grab events of the coupon.' }),
  released: count.meta({ description: 'Pieces that customers have given back.' }),
  redeemed: count.meta({ description: 'Redeemed codes, as read from Redis every few seconds.' }),
  perCustomer: count.meta({ description: 'Pieces that one customer may hold.' }),
  phase: z.enum(['open', 'paused', 'closed']).meta({ description: '`closed` is final.' }),
  status: saleStatus.meta({
    description: 'On the clock of Redis. Grabs succeed while it is `on-sale`, and only then.',
  }),
  startsAt: timeOrNull(
    'Grabs succeed from this time on, in milliseconds since 1970 on the clock of Redis; null: no limit.',
  ),
  endsAt: timeOrNull('Grabs succeed before this time; null: no limit.'),
  sale: z.object({
    firstGrabAt: z.number().nullable().meta({ description: 'Milliseconds since 1970; null before the first grab.' }),
    lastGrabAt: z.number().nullable(),
    minutes: z
      .array(z.object({ minute: count.meta({ description: 'Minutes since 1970.' }), grabs: count }))
      .meta({ description: 'Pieces grabbed in each minute, oldest first: the newest 60 minutes that have grabs.' }),
    complete: z.boolean().meta({
      description: 'False until MySQL has been read: minutes and times then lack grabs from before the first listener.',
    }),
  }),
  tries: z
    .object({
      grabbed: count,
      soldOut: count,
      alreadyGrabbed: count,
      unknown: count,
      notStarted: count,
      paused: count,
      ended: count,
      closed: count,
    })
    .meta({
      description:
        'Attempts to grab since `countedSince`, by their answers; `unknown` is a 503. They are not stored. `grabbed` here includes ' +
        'repeats of a grab with the same `Idempotency-Key`.',
    }),
  latency: z.object({ p50: z.number(), p99: z.number() }).nullable().meta({
    description: 'Milliseconds inside the server, computed from recent attempts; null before the first attempt.',
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
  unknown: count.meta({ description: 'Customers who gave up without knowing the outcome.' }),
});
export type RehearsalProgress = z.infer<typeof rehearsalProgressSchema>;

const common = {
  at: z
    .number()
    .meta({ description: 'Clock of the server in milliseconds since 1970. For computing rates, not for decisions.' }),
  clock: z.number().meta({
    description:
      'The time in milliseconds since 1970 on the clock of Redis, which decides when a sale starts and ends. For a countdown.',
  }),
  outbox: z.object({ entries: count, oldestMs: z.number() }).meta({
    description: 'Outbox entries that MySQL does not have yet. The age of the oldest is the lag of the projection.',
  }),
  durable: z.boolean().meta({ description: 'Everything decided so far is in MySQL.' }),
  shut: z.string().nullable().meta({ description: 'Why grabs get 503 at the moment; null while they are accepted.' }),
  rehearsal: rehearsalProgressSchema.nullable(),
  total: count.meta({ description: 'Coupons of the seller. Live figures cover the newest 100.' }),
};

/** `coupons` has only the coupons that have changed since the previous event. */
export const liveFiguresSchema = z.object({ ...common, coupons: z.array(liveCouponSchema) });
export type LiveFigures = z.infer<typeof liveFiguresSchema>;

/** `coupons` has the newest coupons of the seller, newest first. */
export const liveSnapshotSchema = liveFiguresSchema.extend({
  seller: z.string(),
  countedSince: z.number(),
  mayRehearse: z.boolean().meta({ description: 'Whether the seller may start a rehearsal.' }),
});
export type LiveSnapshot = z.infer<typeof liveSnapshotSchema>;

/** The figures that are the same on all boards. */
export type SystemFigures = Pick<LiveFigures, 'outbox' | 'durable' | 'shut'>;
