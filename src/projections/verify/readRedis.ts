import type { Redis } from 'ioredis';
import { grabOf } from '../../coupon/pieces.ts';
import { type CouponEvent, eventId } from '../../events.ts';
import { groupBy } from '../../infra/groupBy.ts';
import { type CouponName, keys, partitionOf } from '../../infra/keys.ts';
import { decodeEntry, type RawEntry, readOutbox } from '../../infra/outbox.ts';
import { NewerRelease } from '../../newerRelease.ts';
import { viewEntryOf } from '../redisViews.ts';
import type { InOutbox } from './versions.ts';

const OUTBOX_PAGE = 1_000;
const SCAN_COUNT = 500;

export interface NamedCoupon extends CouponName {
  id: Buffer;
  /** The log's last version, read before Redis: Redis must have at least this version. */
  loggedBefore: number;
}

/** A coupon as it was in Redis at one moment. */
export interface CouponInRedis {
  /** The hash of the coupon; empty when Redis lacks it. */
  fields: Record<string, string>;
  version: number;
  /** Numbers of customers, of redeemed codes, and of events that MySQL may lack. */
  holders: number;
  redemptions: number;
  unlogged: number;
}

export async function readCoupon(redis: Redis, coupon: NamedCoupon): Promise<CouponInRedis> {
  const reading = redis.multi().hgetall(keys.coupon(coupon));
  for (const key of [keys.holders, keys.redemptions, keys.unloggedChanges, keys.unloggedPieces])
    reading.hlen(key(coupon));
  const replies = ((await reading.exec()) ?? []).map(([error, reply]) => {
    if (error !== null) throw error;
    return reply;
  });
  const [holders, redemptions, changes, pieces] = replies.slice(1).map(Number) as [number, number, number, number];
  const fields = replies[0] as Record<string, string>;
  return { fields, version: Number(fields.version ?? 0), holders, redemptions, unlogged: changes + pieces };
}

/** The events of these coupons that are in the outbox, by coupon id. */
export async function readOutboxVersions(redis: Redis, coupons: readonly CouponName[]): Promise<Map<string, InOutbox>> {
  const inOutbox = new Map<string, InOutbox>();
  for await (const entry of entriesOf(redis, coupons)) {
    for (const [id, events] of groupBy(entry, ({ coupon }) => coupon.id)) {
      const found = inOutbox.get(id) ?? { versions: [], hasChanges: false };
      for (const { version } of events) {
        const range = found.versions.at(-1);
        // The entries of a busy coupon follow each other and make one range.
        if (range?.to === version - 1) range.to = version;
        else found.versions.push({ from: version, to: version });
      }
      inOutbox.set(id, {
        ...found,
        hasChanges: found.hasChanges || events.some((event) => grabOf(event) === undefined),
      });
    }
  }
  return inOutbox;
}

/** Of these subjects, the ones of events in the outbox. */
export async function readOutboxSubjects(
  redis: Redis,
  coupons: readonly CouponName[],
  subjects: ReadonlySet<string>,
): Promise<Set<string>> {
  const found = new Set<string>();
  for await (const events of entriesOf(redis, coupons))
    for (const subject of events.map(subjectOf)) if (subjects.has(subject)) found.add(subject);
  return found;
}

/** The view entries of the events in the outbox, each as the view and the member with a space between. */
export async function readOutboxEntriesOfViews(redis: Redis, coupons: readonly CouponName[]): Promise<Set<string>> {
  const found = new Set<string>();
  for await (const events of entriesOf(redis, coupons))
    for (const { view, member } of events.flatMap((event) => viewEntryOf(event) ?? [])) found.add(`${view} ${member}`);
  return found;
}

/** The id of the grab of the piece that an event is about; the id of the event if it is about the whole coupon. */
export const subjectOf = (event: CouponEvent) => eventId(event.coupon.id, grabOf(event) ?? event.version);

/** The events of each entry in the outboxes of these coupons. */
async function* entriesOf(redis: Redis, coupons: readonly CouponName[]): AsyncGenerator<CouponEvent[]> {
  for (const partition of new Set(coupons.map(partitionOf))) {
    for (let after = '-'; ; ) {
      const page = await readOutbox(redis, partition, after, '+', OUTBOX_PAGE);
      for (const raw of page) yield readEntry(partition, raw);
      const newest = page.at(-1);
      if (newest === undefined || page.length < OUTBOX_PAGE) break;
      after = newest[0];
    }
  }
}

/** An entry that cannot be decoded goes to the dead letters and not to the log, so its versions count as missing. One of a newer release waits. */
function readEntry(partition: number, raw: RawEntry): CouponEvent[] {
  try {
    return decodeEntry(partition, raw).events;
  } catch (error) {
    if (error instanceof NewerRelease) throw error;
    return [];
  }
}

/** Pages of the keys that match a pattern, on each of the masters. A key may come twice. */
export async function* scanKeys(masters: readonly Redis[], pattern: string): AsyncGenerator<string[]> {
  for (const redis of masters) {
    for (let cursor = '0'; ; ) {
      const [next, found] = await redis.scan(cursor, 'MATCH', pattern, 'COUNT', SCAN_COUNT);
      yield found;
      if (next === '0') break;
      cursor = next;
    }
  }
}
