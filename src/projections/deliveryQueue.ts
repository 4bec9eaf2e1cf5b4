import { type Delivery, type EntryRef, entryKey } from '../infra/outbox.ts';

/** Four full rounds of the line: more would hold a coupon's row for longer, and MySQL gains little by it. */
export const MAX_BATCH_EVENTS = 2_048;
const MAX_QUEUED_EVENTS = 20_000;
/** A description may be long and is sent twice, with quotes escaped; the server takes 16 MiB a packet or more. */
const MAX_BATCH_TEXT = 1_000_000;
const MAX_QUEUED_TEXT = 20_000_000;

export interface Queued {
  delivery: Delivery;
  /** Settles when the inline projections have taken the delivery, or could not. */
  inlined: Promise<void>;
  /** The batch that it was taken with; undefined while it waits. */
  batch?: readonly Queued[] | undefined;
  /** When it was first put off; undefined for one that never was. Milliseconds of performance.now(). */
  putOffSince?: number;
}

/** What this process is about to apply to MySQL, in the order in which it came. It is bounded: the rest waits in the outbox. */
export function createDeliveryQueue() {
  const queue = new Map<string, Queued>();
  let events = 0;
  let text = 0;
  let taken = 0;
  const hasRoom = () => events < MAX_QUEUED_EVENTS && text < MAX_QUEUED_TEXT;
  const count = ({ delivery }: Queued, sign: 1 | -1) => {
    events += sign * delivery.events.length;
    text += sign * textOf(delivery);
  };
  const untake = (queued: Queued) => {
    if (queued.batch !== undefined) taken -= queued.delivery.events.length;
    queued.batch = undefined;
  };

  return {
    hasRoom,
    isEmpty: () => queue.size === 0,
    has: (entry: EntryRef) => queue.has(entryKey(entry)),
    size: () => events,
    /** Events that no transaction is at work on. */
    waiting: () => events - taken,
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
      untake(queued);
      if (queue.delete(entryKey(queued.delivery.entry))) count(queued, -1);
    },
    /** What is left of a batch waits again, in the place that it had. */
    giveBack(batch: readonly Queued[]): void {
      for (const queued of batch) if (queued.batch === batch) untake(queued);
    },
    /** To the end of the queue: it must not hold up the others. */
    putOff(queued: Queued): void {
      untake(queued);
      queued.putOffSince ??= performance.now();
      const key = entryKey(queued.delivery.entry);
      queue.delete(key);
      queue.set(key, queued);
    },
    /** What comes next and nobody has taken, as much as one transaction takes. Each is removed, put off, or given back. */
    takeBatch(): Queued[] {
      const batch: Queued[] = [];
      let batchEvents = 0;
      let batchText = 0;
      for (const queued of queue.values()) {
        if (queued.batch !== undefined) continue;
        batchEvents += queued.delivery.events.length;
        batchText += textOf(queued.delivery);
        if (batch.length > 0 && (batchEvents > MAX_BATCH_EVENTS || batchText > MAX_BATCH_TEXT)) break;
        batch.push(queued);
      }
      for (const queued of batch) {
        queued.batch = batch;
        taken += queued.delivery.events.length;
      }
      return batch;
    },
  };
}

/** Characters of the one field that may be long. */
const textOf = ({ events }: Delivery) =>
  events.reduce((sum, event) => sum + (event.type === 'CouponCreated' ? event.data.description.length : 0), 0);
