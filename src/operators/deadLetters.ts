import type { Redis } from 'ioredis';
import { z } from 'zod';
import type { DecidedEvent } from '../events.ts';
import { allPartitions, keys } from '../infra/keys.ts';
import { decodeEntry, type EntryRef, type RawEntry } from '../infra/outbox.ts';
import { runScript } from '../infra/scripts.ts';
import { safeMessage } from '../infra/telemetry/safeError.ts';
import { withoutSecrets } from '../projections/withoutSecrets.ts';

/** Events of a letter that are listed; an entry has up to some hundred grabs. */
const LISTED_EVENTS = 20;

export interface DeadLetter {
  partition: number;
  /** Its id in the dead letters. */
  id: string;
  reason: string;
  /** The number of its events; null when they cannot be read. */
  count: number | null;
  /** The first events, without codes and idempotency keys. */
  events: { id: string; type: string; coupon: string; customer?: string | undefined }[];
}

const replySchema = z.union([
  z.tuple([z.literal('put-back'), z.string()]),
  z.tuple([z.enum(['gone', 'fenced', 'full'])]),
]);

/** The oldest dead letters after this one, of all partitions in the order of their ids. One more than `limit`, if there are so many. */
export async function listDeadLetters(redis: Redis, after: EntryRef | undefined, limit: number): Promise<DeadLetter[]> {
  const pages = await Promise.all(
    allPartitions.map(async (partition) => {
      const start = after === undefined ? '-' : `${partition <= after.partition ? '(' : ''}${after.id}`;
      const page = await redis.xrange(keys.deadLetters(partition), start, '+', 'COUNT', limit + 1);
      return (page as RawEntry[]).map((raw) => ({ partition, raw }));
    }),
  );
  return pages
    .flat()
    .sort((one, other) => compareIds(one.raw[0], other.raw[0]) || one.partition - other.partition)
    .slice(0, limit + 1)
    .map(describe);
}

const compareIds = (one: string, other: string) => {
  const [oneMs = 0, oneSequence = 0] = one.split('-').map(Number);
  const [otherMs = 0, otherSequence = 0] = other.split('-').map(Number);
  return oneMs - otherMs || oneSequence - otherSequence;
};

/** The script deadLetter.lua has put two fields before those of the entry: its id in the outbox, and the reason. */
function describe({ partition, raw: [id, fields] }: { partition: number; raw: RawEntry }): DeadLetter {
  // The letters of earlier releases have the whole statement as their reason, with the codes of its pieces.
  const letter = { partition, id, reason: safeMessage(new Error(fields[3])) };
  try {
    const { events } = decodeEntry(partition, [id, fields.slice(4)]);
    const reason = withoutSecrets(letter.reason, events);
    return { ...letter, reason, count: events.length, events: events.slice(0, LISTED_EVENTS).map(shown) };
  } catch {
    return { ...letter, count: null, events: [] };
  }
}

const shown = ({ id, type, coupon, data }: DecidedEvent) => ({
  id,
  type,
  coupon: `${coupon.seller}/${coupon.name}`,
  ...('customer' in data ? { customer: data.customer } : {}),
});

/**
 * Moves a dead letter back into the outbox. The relay publishes it again within seconds; its events are applied once, or it becomes a
 * dead letter again. Resolves to the reason when the letter stays where it is.
 */
export async function putBack(
  redis: Redis,
  { partition, id }: EntryRef,
  outboxLimit: number,
): Promise<'put-back' | 'gone' | 'fenced' | 'full'> {
  const names = [keys.fence(partition), keys.outbox(partition), keys.deadLetters(partition)];
  const [outcome] = replySchema.parse(await runScript(redis, 'putBack', names, [id, String(outboxLimit)]));
  return outcome;
}
