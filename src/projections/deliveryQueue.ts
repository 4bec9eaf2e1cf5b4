import { allEvents, type Delivery, type EntryRef, entryKey } from '../infra/outbox.ts';
import type { Part } from './splitEntry.ts';

/** Four full rounds of the line: a larger batch would hold a coupon's row lock for longer and gain little. */
export const MAX_BATCH_EVENTS = 2_048;
const MAX_QUEUED_EVENTS = 20_000;
/** A description may be long and is sent twice, with quotes escaped; the server takes packets of 16 MiB or more. */
const MAX_BATCH_TEXT = 1_000_000;
const MAX_QUEUED_TEXT = 20_000_000;

/** From the start of one batch to that of the next. A delivery that comes alone is applied at once. */
const LEAST_GATHERING_MS = 15;
const MOST_GATHERING_MS = 100;
/** Up to 1,500 events a second are applied as soon as possible; from 3,000 a second on, batches gather for the longest time. */
const [SLOW_EVENTS_A_MS, FAST_EVENTS_A_MS] = [1.5, 3];

/** Milliseconds from the start of one batch to that of the next, at a rate of events. The time follows the rate and not the size of a batch, which gets smaller with the time itself. */
export function gatheringAt(eventsAMs: number): number {
  const share = (eventsAMs - SLOW_EVENTS_A_MS) / (FAST_EVENTS_A_MS - SLOW_EVENTS_A_MS);
  return LEAST_GATHERING_MS + Math.min(1, Math.max(0, share)) * (MOST_GATHERING_MS - LEAST_GATHERING_MS);
}

export interface Queued {
  key: string;
  delivery: Delivery;
  /** False for a part of an entry that was gone from the outbox: the entry of its delivery was that of all parts, and must be left alone. */
  ownsEntry: boolean;
  /** Settles when the inline projections have applied the delivery, or failed to. */
  inlined: Promise<void>;
  /** The gate's count of shuts when the delivery was queued. */
  gateShuts: number;
  /** The batch that it was taken with; undefined while it waits. */
  batch?: readonly Queued[] | undefined;
  /** When it was first postponed, in milliseconds of performance.now(); undefined for a delivery that never was. */
  postponedSince?: number;
  /** Whether the next attempt begins when no entry of the outbox has an event that it depends on any more. */
  isUnheld?: boolean;
}

/** The deliveries that this process is about to apply to MySQL, in the order of their arrival. It is bounded: the rest waits in the outbox. */
export function createDeliveryQueue() {
  const queue = new Map<string, Queued>();
  let events = 0;
  let text = 0;
  let taken = 0;
  const hasRoom = () => events < MAX_QUEUED_EVENTS && text < MAX_QUEUED_TEXT;
  const count = ({ delivery }: Queued, sign: 1 | -1) => {
    events += sign * sizeOf(delivery);
    text += sign * textOf(delivery);
  };
  const insert = (queued: Queued) => {
    queue.set(queued.key, queued);
    count(queued, 1);
  };
  const untake = (queued: Queued) => {
    if (queued.batch !== undefined) taken -= sizeOf(queued.delivery);
    queued.batch = undefined;
  };
  const remove = (queued: Queued): void => {
    untake(queued);
    if (queue.delete(queued.key)) count(queued, -1);
  };

  return {
    hasRoom,
    /** Whether it holds deliveries of one of these partitions. */
    holds(partitions: readonly number[]): boolean {
      for (const { delivery } of queue.values()) if (partitions.includes(delivery.entry.partition)) return true;
      return false;
    },
    has: (entry: EntryRef) => queue.has(entryKey(entry)),
    size: () => events,
    /** Events that are in no batch. */
    waiting: () => events - taken,
    /** False when there is no room, or the delivery is queued already. */
    add(delivery: Delivery, inlined: Promise<void>, gateShuts: number): boolean {
      const key = entryKey(delivery.entry);
      if (!hasRoom() || queue.has(key)) return false;
      insert({ key, delivery, ownsEntry: true, inlined, gateShuts });
      return true;
    },
    remove,
    /** Queues the parts of a delivery in its place, unless the relay has queued their entries already. */
    replace(whole: Queued, parts: readonly Part[]): void {
      remove(whole);
      for (const [place, { entry, events, prior }] of parts.entries()) {
        const key = entry === undefined ? `${whole.key}/${place}` : entryKey(entry);
        const delivery = { entry: entry ?? whole.delivery.entry, events, prior };
        if (!queue.has(key)) insert({ ...whole, key, delivery, ownsEntry: entry !== undefined });
      }
    },
    /** The deliveries of a failed batch that are still in it wait again, in their old places. */
    giveBack(batch: readonly Queued[]): void {
      for (const queued of batch) if (queued.batch === batch) untake(queued);
    },
    /** Moves a delivery to the end of the queue, so that it does not hold up the others. */
    postpone(queued: Queued): void {
      untake(queued);
      queued.postponedSince ??= performance.now();
      queue.delete(queued.key);
      queue.set(queued.key, queued);
    },
    /** The next deliveries that are in no batch, as many as fit into one transaction. Each must be removed, postponed or given back. */
    takeBatch(): Queued[] {
      const batch: Queued[] = [];
      let batchEvents = 0;
      let batchText = 0;
      for (const queued of queue.values()) {
        if (queued.batch !== undefined) continue;
        batchEvents += sizeOf(queued.delivery);
        batchText += textOf(queued.delivery);
        if (batch.length > 0 && (batchEvents > MAX_BATCH_EVENTS || batchText > MAX_BATCH_TEXT)) break;
        batch.push(queued);
      }
      for (const queued of batch) {
        queued.batch = batch;
        taken += sizeOf(queued.delivery);
      }
      return batch;
    },
  };
}

const sizeOf = ({ events, prior }: Delivery) => events.length + prior.length;

/** Characters of the one field that may be long. */
const textOf = (delivery: Delivery) =>
  allEvents(delivery).reduce((sum, { data }) => sum + ('description' in data ? data.description.length : 0), 0);
