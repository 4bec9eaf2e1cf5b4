import type { Redis } from 'ioredis';
import { z } from 'zod';
import type { DecidedEvent } from '../events.ts';
import { keys } from '../infra/keys.ts';
import { allEvents, type Delivery } from '../infra/outbox.ts';
import { runScript } from '../infra/scripts.ts';

const replySchema = z.union([z.tuple([z.literal('split')], z.string()), z.tuple([z.literal('gone')])]);

/** Whether a delivery has events of more than one coupon, so that a fault of one would hold up the others. */
export const isOfSeveral = (delivery: Delivery) =>
  allEvents(delivery).some(({ coupon }) => coupon.id !== delivery.events[0]?.coupon.id);

/**
 * Splits an entry in the outbox into one entry for each coupon. Resolves to the deliveries of the new entries. Their entry is undefined
 * when the outbox no longer has the whole entry: then no entry may be deleted or become a dead letter on account of them.
 */
export async function splitEntry(redis: Redis, delivery: Delivery): Promise<Part[]> {
  const { partition, id } = delivery.entry;
  const parts = partsOf(delivery);
  const fields = JSON.stringify(parts.map(fieldsOf));
  const [outcome, ...ids] = replySchema.parse(
    await runScript(redis, 'splitEntry', [keys.outbox(partition)], [id, fields]),
  );
  if (outcome === 'split' && ids.length !== parts.length) throw new Error('the script did not write every part');
  return parts.map((part, place) => ({
    ...part,
    entry: outcome === 'split' ? { partition, id: ids[place] ?? '' } : undefined,
  }));
}

export type Part = Omit<Delivery, 'entry'> & { entry: Delivery['entry'] | undefined };

/** The events of each coupon with the prior events of the coupon. An entry describes consecutive versions. */
function partsOf({ events, prior }: Delivery): Omit<Delivery, 'entry'>[] {
  const parts: Omit<Delivery, 'entry'>[] = [];
  let last: DecidedEvent | undefined;
  for (const event of events) {
    const { coupon, version } = event;
    if (last?.coupon.id === coupon.id && version === last.version + 1) parts.at(-1)?.events.push(event);
    else parts.push({ events: [event], prior: prior.filter((earlier) => earlier.coupon.id === coupon.id) });
    last = event;
  }
  return parts;
}

/** The fields of an entry of one coupon, as `decodeEntry` reads them. */
function fieldsOf({ events, prior }: Omit<Delivery, 'entry'>): string[] {
  const [first] = events;
  if (first === undefined) throw new Error('a delivery has at least one event');
  const carried = prior.map((event) => fieldsOf({ events: [event], prior: [] }));
  const { type, coupon, version, occurredAt, data } = first;
  const fields = {
    ...{ type, coupon: coupon.id, seller: coupon.seller, name: coupon.name, version, at: occurredAt },
    ...(type === 'CouponGrabbed' ? grabFields(events) : data),
    ...(carried.length === 0 ? {} : { prior: JSON.stringify(carried) }),
  };
  return Object.entries(fields).flatMap(([name, value]) => (value === undefined ? [] : [name, String(value)]));
}

function grabFields(events: readonly DecidedEvent[]) {
  const grabs = events.flatMap((event) => (event.type === 'CouponGrabbed' ? [event.data] : []));
  const idempotencyKeys = grabs.map(({ idempotencyKey = '' }) => idempotencyKey);
  return {
    left: grabs[0]?.left,
    customers: JSON.stringify(grabs.map(({ customer }) => customer)),
    keys: idempotencyKeys.some((key) => key !== '') ? JSON.stringify(idempotencyKeys) : '',
    codes: grabs.map(({ code = '' }) => code).join(''),
  };
}
