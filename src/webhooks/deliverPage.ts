import type { CloudEvent } from '../subscribers/cloudEvent.ts';
import type { Attempt } from './attempt.ts';

/** Coupons of which one event each is under way. */
const MAX_COUPONS_AT_ONCE = 8;

interface Page {
  events: readonly CloudEvent[];
  /** The ids of the events that are delivered already; those that get delivered are added. */
  delivered: Set<string>;
  /** Resolves to undefined when the event must not be sent any more. */
  send: (event: CloudEvent) => Promise<Attempt | undefined>;
  /** After a failure one request at a time finds out whether the endpoint works again. */
  cautious: boolean;
  signal: AbortSignal;
}

/**
 * Delivers the events of a page: those of one coupon one after the other, and several coupons at once. A coupon whose event is refused
 * stops there, and no further coupon begins after a failure. Resolves to the first failure; undefined when there was none.
 */
export async function deliverPage({ events, delivered, send, cautious, signal }: Page): Promise<Attempt | undefined> {
  const coupons = new Map<string, CloudEvent[]>();
  for (const event of events) {
    if (delivered.has(event.id)) continue;
    const ofCoupon = coupons.get(event.partitionkey) ?? [];
    ofCoupon.push(event);
    coupons.set(event.partitionkey, ofCoupon);
  }
  const waiting = [...coupons.values()];
  let failure: Attempt | undefined;
  let isOver = false;
  const deliverCoupon = async (ofCoupon: readonly CloudEvent[]) => {
    for (const event of ofCoupon) {
      if (signal.aborted) return;
      const attempt = await send(event);
      if (attempt === undefined) {
        isOver = true;
        return;
      }
      if (attempt.outcome !== 'taken') {
        // A request that was broken off by the end of this process says nothing about the endpoint.
        if (signal.aborted) return;
        if (failure === undefined || attempt.outcome === 'gone') failure = attempt;
        isOver = true;
        return;
      }
      delivered.add(event.id);
    }
  };
  const work = async () => {
    for (let next = waiting.shift(); next !== undefined; next = isOver ? undefined : waiting.shift())
      await deliverCoupon(next);
  };
  await Promise.all(Array.from({ length: cautious ? 1 : MAX_COUPONS_AT_ONCE }, work));
  return failure;
}
