import { allEvents, type Delivery, type EntryRef, entryKey } from '../infra/outbox.ts';

/** Four full rounds of the line: a larger batch would hold a coupon's row lock for longer and gain little. */
export const MAX_BATCH_EVENTS = 2_048;
const MAX_QUEUED_EVENTS = 20_000;
/** A description may be long and is sent twice, with quotes escaped; the server takes packets of 16 MiB or more. */
const MAX_BATCH_TEXT = 1_000_000;
const MAX_QUEUED_TEXT = 20_000_000;

export interface Queued {
  delivery: Delivery;
  /** Settles when the inline projections have applied the delivery, or failed to. */
  inlined: Promise<void>;
  /** The gate's count of shuts when the delivery was queued. */
  gateShuts: number;
  /** The batch that it was taken with; undefined while it waits. */
  batch?: readonly Queued[] | undefined;
  /** When it was first postponed, in milliseconds of performance.now(); undefined for a delivery that never was. */
  postponedSince?: number;
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
  const untake = (queued: Queued) => {
    if (queued.batch !== undefined) taken -= sizeOf(queued.delivery);
    queued.batch = undefined;
  };

  return {
    hasRoom,
    isEmpty: () => queue.size === 0,
    has: (entry: EntryRef) => queue.has(entryKey(entry)),
    size: () => events,
    /** Events that are in no batch. */
    waiting: () => events - taken,
    /** False when there is no room, or the delivery is queued already. */
    add(delivery: Delivery, inlined: Promise<void>, gateShuts: number): boolean {
      const key = entryKey(delivery.entry);
      if (!hasRoom() || queue.has(key)) return false;
      const queued = { delivery, inlined, gateShuts };
      queue.set(key, queued);
      count(queued, 1);
      return true;
    },
    remove(queued: Queued): void {
      untake(queued);
      if (queue.delete(entryKey(queued.delivery.entry))) count(queued, -1);
    },
    /** The deliveries of a failed batch that are still in it wait again, in their old places. */
    giveBack(batch: readonly Queued[]): void {
      for (const queued of batch) if (queued.batch === batch) untake(queued);
    },
    /** Moves a delivery to the end of the queue, so that it does not hold up the others. */
    postpone(queued: Queued): void {
      untake(queued);
      queued.postponedSince ??= performance.now();
      const key = entryKey(queued.delivery.entry);
      queue.delete(key);
      queue.set(key, queued);
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
