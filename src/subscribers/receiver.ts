import type { CloudEvent } from './cloudEvent.ts';

/** Another system that takes events, such as a broker. */
export interface Receiver {
  /**
   * Resolves when the receiver has durably taken all of the events. They are in order, and an event must not be taken when an earlier
   * one of the same coupon was not. After a rejection the same events come again with the same ids, perhaps in smaller batches.
   */
  deliver(events: readonly CloudEvent[]): Promise<void>;
}
