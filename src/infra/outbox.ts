import type { Redis } from 'ioredis';
import { z } from 'zod';
import { CODE_LENGTH } from '../coupon/code.ts';
import { grabEvent } from '../coupon/grabEvent.ts';
import {
  type CouponRef,
  type DecidedEvent,
  decidedEventSchema,
  decidedEventTypes,
  eventDataSchemas,
  eventId,
} from '../events.ts';
import { canBeNewerType, NewerRelease } from '../newerRelease.ts';
import { allPartitions, type CouponName, couponPath, keys, splitCouponPath } from './keys.ts';
import { runScript } from './scripts.ts';
import { readRedisTime } from './stores/redisClock.ts';

/** Identifies an entry. One entry holds the events of one script call, all of one type. Only grabs may be of several coupons. */
export interface EntryRef {
  partition: number;
  /** Stream id, `milliseconds-sequence` on the clock of Redis. */
  id: string;
}

/** An entry with its events, at least one: the message of the bus. */
export interface Delivery {
  entry: EntryRef;
  events: DecidedEvent[];
  /**
   * Earlier events that `events` depend on, such as the restock before a grab, from entries of their own that MySQL may not have yet.
   * If Redis loses both entries after the client of `events` got its answer, the process that answered still has them all.
   */
  prior: DecidedEvent[];
}

export const allEvents = ({ prior, events }: Delivery) => (prior.length === 0 ? events : [...prior, ...events]);

export type RawEntry = [id: string, fields: string[]];
export const entryKey = ({ partition, id }: EntryRef) => `${partition}/${id}`;

const customersSchema = z.array(z.string().min(1)).min(1);
const keysSchema = z.array(z.string());
/** `seller/name` of each coupon. */
const couponsSchema = z.array(z.string()).min(1);
/** The fields of entries, each entry as a list of names and values. */
const priorSchema = z.array(z.array(z.string()));

type Fields = Record<string, string | undefined>;

/**
 * Decodes a stored entry. Throws NewerRelease on an entry that only a newer release can have written, and another error on an entry that
 * no release can have written.
 */
export function decodeEntry(partition: number, [id, fields]: RawEntry): Delivery {
  const own = fieldsOf(fields);
  return { entry: { partition, id }, events: decodeEvents(own), prior: decodePrior(own.prior) };
}

/** Decodes the field `prior` of an entry; absent or empty when the entry depends on no event that MySQL may lack. */
export function decodePrior(prior: string | undefined): DecidedEvent[] {
  if (!prior) return [];
  return priorSchema.parse(JSON.parse(prior)).flatMap((earlier) => decodeEvents(fieldsOf(earlier)));
}

function fieldsOf(list: readonly string[]): Fields {
  const fields: Fields = {};
  for (let i = 0; i < list.length; i += 2) fields[String(list[i])] = list[i + 1];
  return fields;
}

function decodeEvents(fields: Fields): DecidedEvent[] {
  const { type, needs } = fields;
  if (needs !== undefined || (!isDecidedType(type) && canBeNewerType(type)))
    throw new NewerRelease(`an outbox entry of type ${type}`, needs);
  const events = type === 'CouponGrabbed' ? decodeGrabs(fields) : [decodeEvent(fields)];
  // Reading on without the field would log the event without it for ever.
  const unknown = Object.keys(fields).find((name) => !fieldsOfType(events[0]?.type).has(name));
  if (unknown !== undefined) throw new NewerRelease(`the field ${unknown} of an outbox entry of type ${type}`);
  return events;
}

const isDecidedType = (type: string | undefined): type is DecidedEvent['type'] =>
  (decidedEventTypes as string[]).includes(type ?? '');

const commonFields = ['type', 'coupon', 'seller', 'name', 'version', 'at', 'left', 'prior', 'idempotencyKey'];
const grabFields = ['coupons', 'states', 'wins', 'customers', 'keys', 'codes'];
const knownFields = new Map(
  decidedEventTypes.map((type) => {
    const own = type === 'CouponGrabbed' ? grabFields : Object.keys(eventDataSchemas[type].shape);
    return [type, new Set([...commonFields, ...own])];
  }),
);
const noFields: ReadonlySet<string> = new Set();
const fieldsOfType = (type: DecidedEvent['type'] | undefined) =>
  (type === undefined ? undefined : knownFields.get(type)) ?? noFields;

function decodeEvent(fields: Fields): DecidedEvent {
  const type = fields.type as DecidedEvent['type'];
  const coupon = { id: String(fields.coupon), seller: String(fields.seller), name: String(fields.name) };
  const [version, occurredAt] = [Number(fields.version), Number(fields.at)];
  const id = eventId(coupon.id, version);
  return decidedEventSchema.parse({ id, type, coupon, version, occurredAt, data: dataOf(type, fields) });
}

/** The grabs of an entry: of the coupons in its field `coupons` (grabCoupon.lua), or of the one coupon that its own fields describe. */
function decodeGrabs(fields: Fields): DecidedEvent[] {
  const customers = customersSchema.parse(JSON.parse(String(fields.customers)));
  const idempotencyKeys = fields.keys ? keysSchema.parse(JSON.parse(fields.keys)) : [];
  // Entries of the first releases have no codes.
  const codes = fields.codes ?? '';
  const occurredAt = Number(fields.at);
  const events: DecidedEvent[] = [];
  const add = (coupon: CouponRef, first: number, left: number, count: number) => {
    for (let i = 0; i < count; i++) {
      const place = events.length;
      const event = grabEvent(occurredAt, {
        coupon,
        version: first + i,
        left: left - i,
        customer: customers[place] ?? '',
        code: codes.slice(place * CODE_LENGTH, (place + 1) * CODE_LENGTH),
        idempotencyKey: idempotencyKeys[place] ?? '',
      });
      // Versions count up and pieces count down: when the first and the last event are valid, so are the events between them.
      if (i === 0 || i === count - 1) decidedEventSchema.parse(event);
      events.push(event);
    }
  };
  if (fields.coupons === undefined) {
    const coupon = { id: String(fields.coupon), seller: String(fields.seller), name: String(fields.name) };
    add(coupon, Number(fields.version), Number(fields.left), customers.length);
  } else {
    // The version and the pieces left are those before the first grab.
    const [states, wins] = [String(fields.states).split(','), String(fields.wins).split(',')];
    for (const [i, path] of couponsSchema.parse(JSON.parse(fields.coupons)).entries()) {
      const [id = '', version, left] = (states[i] ?? '').split(' ');
      add({ id, ...splitCouponPath(path) }, Number(version) + 1, Number(left) - 1, Number(wins[i]));
    }
  }
  if (events.length !== customers.length) throw new Error('the entry has another number of customers than of grabs');
  return events;
}

/** Whether an entry has events of the coupon. Does not decode them, since an entry may have hundreds of other coupons. */
export function concerns([, list]: RawEntry, coupon: CouponName): boolean {
  const fields = fieldsOf(list);
  if (fields.coupons === undefined) return fields.seller === coupon.seller && fields.name === coupon.name;
  try {
    return couponsSchema.parse(JSON.parse(fields.coupons)).includes(couponPath(coupon));
  } catch {
    // The relay moves such an entry to the dead letters.
    return false;
  }
}

const textFields: ReadonlySet<string> = new Set(['description', 'customer', 'code', 'idempotencyKey']);

/** The data of an event that has an entry of its own: its fields are in the entry under their own names. */
function dataOf(type: DecidedEvent['type'], fields: Fields): Record<string, unknown> {
  const { shape } = eventDataSchemas[type] ?? z.object({});
  const present = Object.keys(shape).filter((name) => fields[name] !== undefined);
  return Object.fromEntries(present.map((name) => [name, textFields.has(name) ? fields[name] : Number(fields[name])]));
}

/** One page of a partition's outbox, oldest first: entries after `after` (exclusive) and up to `to`. */
export async function readOutbox(redis: Redis, partition: number, after: string, to: string, count: number) {
  const start = after === '-' ? '-' : `(${after}`;
  return (await redis.xrange(keys.outbox(partition), start, to, 'COUNT', count)) as RawEntry[];
}

/**
 * Whether another entry than that of the delivery, of the same coupon, holds one of the events with these ids. The entry may be a later
 * one: an entry that was split has become several new ones. An entry of a newer release may hold any event of its coupon.
 */
export async function outboxHolds(
  redis: Redis,
  { entry: { partition, id: own }, events }: Delivery,
  ids: ReadonlySet<string>,
): Promise<boolean> {
  const [first] = events;
  const holds = (raw: RawEntry) => {
    if (raw[0] === own || first === undefined || ids.size === 0 || !concerns(raw, first.coupon)) return false;
    try {
      return decodeEntry(partition, raw).events.some(({ id }) => ids.has(id));
    } catch (error) {
      if (error instanceof NewerRelease) return true;
      throw error;
    }
  };
  for (let after = '-'; ; ) {
    const page = await readOutbox(redis, partition, after, '+', 1_000);
    if (page.some(holds)) return true;
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

/** What the partitions reply whose Redis is there. Rejects when that of none is. */
async function presentOf<T>(readings: readonly Promise<T>[]): Promise<T[]> {
  const results = await Promise.allSettled(readings);
  const present = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
  if (present.length > 0) return present;
  throw (results[0] as PromiseRejectedResult).reason;
}

/** The number of entries that MySQL does not have yet, over all partitions. */
export const outboxDepth = (redis: Redis) => entriesIn(redis, keys.outbox);

/** The age of the oldest entry of all partitions, in seconds on the clock of Redis; 0 when there is no entry. */
export async function outboxAge(redis: Redis): Promise<number> {
  const oldest = await presentOf(allPartitions.map((partition) => readOutbox(redis, partition, '-', '+', 1)));
  // Read after the entries, so that no entry is from the future.
  const now = (await readRedisTime(redis)) / 1_000_000;
  return oldest.flat().reduce((age, [id]) => Math.max(age, now - Number.parseInt(id, 10) / 1_000), 0);
}

/** The number of dead letters over all partitions. */
export const deadLetterCount = (redis: Redis) => entriesIn(redis, keys.deadLetters);

async function entriesIn(redis: Redis, streamOf: (partition: number) => string): Promise<number> {
  const depths = await presentOf(allPartitions.map((partition) => redis.xlen(streamOf(partition))));
  return depths.reduce((sum, depth) => sum + depth, 0);
}

/** Moves an entry that cannot be applied out of the outbox. */
export async function moveToDeadLetters(redis: Redis, { partition, id }: EntryRef, reason: string): Promise<void> {
  await runScript(redis, 'deadLetter', [keys.outbox(partition), keys.deadLetters(partition)], [id, reason]);
}
