import { z } from 'zod';
import { processStateSchema } from '../../operators/processReports.ts';

// The answers to operators.

const count = z.int().min(0);
const done = { errMsg: z.literal('') };
const isoTime = z.string().meta({ format: 'date-time' });
const storeError = z.string().nullable().meta({
  description:
    'Why the store, or a part of it, does not answer. Null when all of it does; null also for `state` when none of it does.',
});
const migrationNames = z.array(z.string());

export const readyReply = z.object({
  ...done,
  shutPartitions: z.array(count).optional().meta({
    description: 'Grabs of coupons in these partitions get 503, because their master of a Redis Cluster is away.',
  }),
  why: z.string().optional(),
});

const partitionState = z.object({
  partition: count,
  fence: z.boolean().meta({ description: 'Without its fence, the scripts of the partition decide nothing.' }),
  outbox: z.object({ entries: count, oldestMs: count }),
  deadLetters: count,
});
export const subscriptionState = z.object({
  name: z.string(),
  position: count.meta({
    description: 'The checkpoint: events up to this position of the log are delivered or skipped.',
  }),
  lag: count.meta({ description: 'Positions between the checkpoint and the end of the log.' }),
  failures: count.meta({ description: 'Deliveries that failed since the last one that succeeded.' }),
  error: z.string().nullable(),
  nextEvent: z
    .object({ position: count, id: z.string(), type: z.string(), coupon: z.string() })
    .nullable()
    .meta({
      description:
        'The first event that is not delivered. Null also when a webhook of a seller has none of its events in the next 20,000 ' +
        'positions behind its checkpoint.',
    }),
});

export const operatorStateReply = z.object({
  ...done,
  data: z.object({
    operator: z.string().meta({ description: 'The name of the token in `OPERATOR_TOKENS`.' }),
    at: isoTime,
    answeredBy: processStateSchema.meta({ description: 'The process that answered.' }),
    outbox: z.object({ limit: count, full: z.boolean() }),
    redis: z.object({
      error: storeError,
      state: z
        .object({
          version: z.string(),
          reconciled: z.boolean(),
          partitions: z.array(partitionState).meta({
            description:
              'Those whose Redis answers. `error` names the others, which are on a master of a Redis Cluster that is away.',
          }),
          damagedCoupons: count.nullable().meta({ description: 'Null while the master that has them is away.' }),
          processes: z.array(processStateSchema).meta({
            description: 'All processes that use this Redis and have `OPERATOR_TOKENS`, as they last reported.',
          }),
        })
        .nullable(),
    }),
    mysql: z.object({
      error: storeError,
      state: z
        .object({
          version: z.string(),
          migrations: z.object({ applied: count, missing: migrationNames, unknown: migrationNames }),
          subscriptions: z.object({
            total: count,
            failing: count,
            lag: count.meta({ description: 'Of the subscription that is the furthest behind.' }),
            listed: z
              .array(subscriptionState)
              .meta({ description: 'At most 20: those that fail first, then those that are the furthest behind.' }),
          }),
        })
        .nullable(),
    }),
  }),
});

export const deadLettersReply = z.object({
  ...done,
  next: z.string().optional().meta({ description: '`after` of the next page; absent on the last one.' }),
  data: z.array(
    z.object({
      partition: count,
      id: z.string(),
      reason: z.string(),
      count: count.nullable().meta({ description: 'The number of its events; null when they cannot be read.' }),
      events: z.array(
        z.object({ id: z.string(), type: z.string(), coupon: z.string(), customer: z.string().optional() }),
      ),
    }),
  ),
});

export const damagedCouponsReply = z.object({
  ...done,
  count: count.meta({ description: 'All of them; at most 100 are listed.' }),
  data: z.array(
    z.object({
      seller: z.string(),
      name: z.string(),
      id: z.string().nullable(),
      damage: z.string().nullable().meta({ description: 'What is wrong with the log of the coupon.' }),
    }),
  ),
});

export const couponEventsReply = z.object({
  ...done,
  coupon: z.object({ id: z.string(), seller: z.string(), name: z.string() }),
  logged: count.meta({ description: 'The highest version in the log.' }),
  decided: count
    .nullable()
    .meta({ description: 'The version in Redis; null when Redis does not have it or does not reply.' }),
  next: count.optional().meta({ description: '`after` of the next page; absent on the last one.' }),
  data: z.array(
    z.object({
      position: count,
      version: count,
      type: z.string(),
      at: isoTime,
      data: z
        .record(z.string(), z.unknown())
        .nullable()
        .meta({ description: 'As in the events for other systems; null for an event that this version cannot read.' }),
    }),
  ),
});

const totals = z.object({
  coupons: count,
  pieces: count,
  left: z.int(),
  held: count,
  released: count,
  redeemed: count,
  events: count,
});
export const verificationReply = z.object({
  ...done,
  data: z.object({
    agree: z.boolean(),
    log: totals,
    mysql: totals,
    redis: totals,
    onTheirWay: z.int().meta({ description: 'Events in the outbox that the log does not have yet.' }),
    gaps: z.int().meta({ description: 'Versions that are neither in the log nor in the outbox.' }),
    wrong: count,
    mismatches: z.array(z.string()).meta({ description: 'The first mismatches, in words.' }),
  }),
});

// For the page of operators.
export type OperatorState = z.infer<typeof operatorStateReply>['data'];
export type ListedLetter = z.infer<typeof deadLettersReply>['data'][number];
export type ListedDamage = z.infer<typeof damagedCouponsReply>['data'][number];
export type ListedEvents = z.infer<typeof couponEventsReply>;
export type Verification = z.infer<typeof verificationReply>['data'];
