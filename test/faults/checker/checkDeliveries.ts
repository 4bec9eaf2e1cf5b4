import { isDeepStrictEqual } from 'node:util';
import type { CouponEvent } from '../../../src/events.ts';
import type { CloudEvent } from '../../../src/subscribers/cloudEvent.ts';
import type { Deliveries, Violation } from '../records/saleRecords.ts';

/** Compares what a subscriber has got with the log: nothing is missing, coupons are in order, and repeats are the same events. */
export function checkDeliveries(deliveries: Deliveries, log: readonly CouponEvent[]): Violation[] {
  const { subscriber, events, caughtUp, once } = deliveries;
  const violations: Violation[] = [];
  const report = (name: string, sample: string) => violations.push({ name, sample: `${subscriber}: ${sample}` });
  if (!caughtUp) report('not-caught-up', 'the end of the log is not reached');

  const expected = new Map(log.map((event) => [event.id, event]));
  const seen = new Set<string>();
  const highest = new Map<string, number>();
  for (const event of events) {
    const { coupon, version } = event.data;
    const logged = expected.get(event.id);
    if (logged === undefined) report('event-unknown', `${event.id} is not in the log`);
    else if (!isSame(event, logged))
      report('event-differs', `${JSON.stringify(event)}, and logged as ${JSON.stringify(logged)}`);
    if (seen.has(event.id)) {
      if (once) report('event-repeated', event.id);
      continue;
    }
    seen.add(event.id);
    const before = highest.get(coupon.id) ?? 0;
    if (version !== before + 1) report('event-order', `version ${version} of ${coupon.name} follows ${before}`);
    highest.set(coupon.id, Math.max(before, version));
  }
  for (const { id, type } of log) if (!seen.has(id)) report('event-missing', `${type} ${id}`);
  return violations;
}

/** What is secret has stayed behind, and nothing else. */
function isSame({ id, type, data }: CloudEvent, logged: CouponEvent): boolean {
  const { code: _, idempotencyKey: __, ...visible } = logged.data as { code?: string; idempotencyKey?: string };
  const { coupon, version } = logged;
  return isDeepStrictEqual(
    plain({ id, type, data }),
    plain({ id: logged.id, type: logged.type, data: { coupon, version, ...visible } }),
  );
}

const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value));
