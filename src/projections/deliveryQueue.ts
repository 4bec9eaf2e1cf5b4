import { type Delivery, type EntryRef, entryKey } from '../infra/outbox.ts';

const MAX_BATCH_EVENTS = 1_000;
const MAX_QUEUED_EVENTS = 20_000;
/** A description may be long and is sent twice, with quotes escaped; the server takes 16 MiB a packet or more. */
const MAX_BATCH_TEXT = 1_000_000;
const MAX_QUEUED_TEXT = 20_000_000;

export interface Queued {
  delivery: Delivery;
  /** Settles when the inline projections have taken the delivery, or could not. */
  inlined: Promise<void>;
  /** When it was first put off; undefined for one that never was. Milliseconds of performance.now(). */
  putOffSince?: number;
}

/** What this process is about to apply to MySQL, in the order in which it came. It is bounded: the rest waits in the outbox. */
export function createDeliveryQueue() {
  const queue = new Map<string, Queued>();
  let events = 0;
  let text = 0;
  const hasRoom = () => events < MAX_QUEUED_EVENTS && text < MAX_QUEUED_TEXT;
  const count = ({ delivery }: Queued, sign: 1 | -1) => {
    events += sign * delivery.events.length;
    text += sign * textOf(delivery);
  };

  return {
    hasRoom,
    isEmpty: () => queue.size === 0,
    has: (entry: EntryRef) => queue.has(entryKey(entry)),
    size: () => events,
    /** False: there is no room, or it is queued already. */
    add(delivery: Delivery, inlined: Promise<void>): boolean {
      const key = entryKey(delivery.entry);
      if (!hasRoom() || queue.has(key)) return false;
      const queued = { delivery, inlined };
      queue.set(key, queued);
      count(queued, 1);
      return true;
    },
    remove(queued: Queued): void {
      if (queue.delete(entryKey(queued.delivery.entry))) count(queued, -1);
    },
    /** To the end of the queue: it must not hold up the others. */
    putOff(queued: Queued): void {
      queued.putOffSince ??= performance.now();
      const key = entryKey(queued.delivery.entry);
      queue.delete(key);
      queue.set(key, queued);
    },
    /** What comes next, as much as one transaction takes. */
    nextBatch(): Queued[] {
      const batch: Queued[] = [];
      let batchEvents = 0;
      let batchText = 0;
      for (const queued of queue.values()) {
        batchEvents += queued.delivery.events.length;
        batchText += textOf(queued.delivery);
        if (batch.length > 0 && (batchEvents > MAX_BATCH_EVENTS || batchText > MAX_BATCH_TEXT)) break;
        batch.push(queued);
      }
      return batch;
    },
  };
}

/** Characters of the one field that may be long. */
const textOf = ({ events }: Delivery) =>
  events.reduce((sum, event) => sum + (event.type === 'CouponCreated' ? event.data.description.length : 0), 0);
