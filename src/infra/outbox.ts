import type { Redis } from 'ioredis';
import { z } from 'zod';
import { type DecidedEvent, decidedEventSchema, eventId, unreachable } from '../events.ts';
import { allPartitions, keys } from './keys.ts';
import { runScript } from './scripts.ts';
import { readRedisTime } from './stores/redisClock.ts';

/** Identifies an entry. One entry holds the events of one script call, all of one coupon and one type. */
export interface EntryRef {
  partition: number;
  /** Stream id, `milliseconds-sequence` on the clock of Redis. */
  id: string;
}

/** An entry with its events, at least one: the message of the bus. */
export interface Delivery {
  entry: EntryRef;
  events: DecidedEvent[];
}

export type RawEntry = [id: string, fields: string[]];
export const entryKey = ({ partition, id }: EntryRef) => `${partition}/${id}`;

const customersSchema = z.array(z.string().min(1)).min(1);
const keysSchema = z.array(z.string());

/** Decodes a stored entry. Throws on an entry that our scripts could not have written. */
export function decodeEntry(partition: number, [id, fields]: RawEntry): Delivery {
  const field: Record<string, string | undefined> = {};
  for (let i = 0; i < fields.length; i += 2) field[String(fields[i])] = fields[i + 1];
  const type = field.type as DecidedEvent['type'];
  const first = Number(field.version);
  const coupon = { id: String(field.coupon), seller: field.seller, name: field.name };
  const event = (version: number, data: unknown) =>
    ({ id: eventId(coupon.id, version), type, coupon, version, occurredAt: Number(field.at), data }) as DecidedEvent;
  const entry = { partition, id };
  switch (type) {
    case 'CouponCreated': {
      const { amount, stock, description } = field;
      const created = event(first, { amount: Number(amount), stock: Number(stock), description });
      return { entry, events: [decidedEventSchema.parse(created)] };
    }
    case 'CouponGrabbed': {
      const customers = customersSchema.parse(JSON.parse(String(field.customers)));
      const idempotencyKeys = field.keys ? keysSchema.parse(JSON.parse(field.keys)) : [];
      const events = customers.map((customer, place) => {
        const idempotencyKey = idempotencyKeys[place];
        return event(first + place, {
          customer,
          left: Number(field.left) - place,
          ...(idempotencyKey ? { idempotencyKey } : {}),
        });
      });
      // Versions count up and pieces count down: when the first and the last event are valid, so are the events between them.
      for (const end of [events.at(0), events.at(-1)]) decidedEventSchema.parse(end);
      return { entry, events };
    }
    default:
      return unreachable(type);
  }
}

/** One page of a partition's outbox, oldest first: entries after `after` (exclusive) and up to `to`. */
export async function readOutbox(redis: Redis, partition: number, after: string, to: string, count: number) {
  const start = after === '-' ? '-' : `(${after}`;
  return (await redis.xrange(keys.outbox(partition), start, to, 'COUNT', count)) as RawEntry[];
}

/** Whether the outbox holds the creation of the delivery's coupon, before the delivery. */
export async function hasCreation(redis: Redis, { entry, events }: Delivery): Promise<boolean> {
  for (let after = '-'; ; ) {
    const page = await readOutbox(redis, entry.partition, after, entry.id, 1_000);
    // Compared by field: a coupon may be named `CouponCreated`.
    const fieldOf = (fields: string[], name: string) => fields[fields.indexOf(name) + 1];
    const isCreation = ([, fields]: RawEntry) =>
      fieldOf(fields, 'type') === 'CouponCreated' && fieldOf(fields, 'coupon') === events[0]?.coupon.id;
    if (page.some(isCreation)) return true;
    const last = page.at(-1);
    if (last === undefined || page.length < 1_000) return false;
    after = last[0];
  }
}

/** Deletes exactly these entries. Call it only for entries that MySQL has committed. */
export async function deleteEntries(redis: Redis, entries: readonly EntryRef[]): Promise<void> {
  await Promise.all(
    allPartitions.map(async (partition) => {
      const ids = entries.filter((entry) => entry.partition === partition).map((entry) => entry.id);
      if (ids.length > 0) await redis.xdel(keys.outbox(partition), ...ids);
    }),
  );
}

/** The number of entries that MySQL does not have yet, over all partitions. */
export const outboxDepth = (redis: Redis) => entriesIn(redis, keys.outbox);

/** The age of the oldest entry of all partitions, in seconds on the clock of Redis; 0 when there is no entry. */
export async function outboxAge(redis: Redis): Promise<number> {
  const oldest = await Promise.all(allPartitions.map((partition) => readOutbox(redis, partition, '-', '+', 1)));
  // Read after the entries, so that no entry is from the future.
  const now = (await readRedisTime(redis)) / 1_000_000;
  return oldest.flat().reduce((age, [id]) => Math.max(age, now - Number.parseInt(id, 10) / 1_000), 0);
}

/** The number of dead letters over all partitions. */
export const deadLetterCount = (redis: Redis) => entriesIn(redis, keys.deadLetters);

async function entriesIn(redis: Redis, streamOf: (partition: number) => string): Promise<number> {
  const depths = await Promise.all(allPartitions.map((partition) => redis.xlen(streamOf(partition))));
  return depths.reduce((sum, depth) => sum + depth, 0);
}

/** Moves an entry that cannot be applied out of the outbox. */
export async function moveToDeadLetters(redis: Redis, { partition, id }: EntryRef, reason: string): Promise<void> {
  await runScript(redis, 'deadLetter', [keys.outbox(partition), keys.deadLetters(partition)], [id, reason]);
}
