import { readCode } from '../../src/coupon/code.ts';
import { type CouponEvent, decidedEventTypes } from '../../src/events.ts';
import type { CouponName } from '../../src/infra/keys.ts';
import type { Delivery } from '../../src/infra/outbox.ts';
import type { System } from '../../src/system.ts';
import { customer, grabOutcome, loggedEvents, settled } from './testSystem.ts';

// The shape of a test of a command: given a coupon and its holders, when a command is handled, then an outcome and new events.

type NewEvent = Pick<CouponEvent, 'type' | 'version' | 'data'>;

/** The data of an event without its code, which is random. Throws when it is not a code. */
export function withoutCode(data: CouponEvent['data']): CouponEvent['data'] {
  if (!('code' in data)) return data;
  const { code, ...rest } = data;
  if (readCode(code ?? '') !== code) throw new Error(`not a code: ${code}`);
  return rest as CouponEvent['data'];
}

/** Given customers who have grabbed a piece of the coupon, one after the other. */
export async function givenHolders(system: System, coupon: CouponName, ...customers: string[]): Promise<void> {
  for (const name of customers) {
    const outcome = await grabOutcome(system, customer(name), coupon);
    if (outcome !== 'grabbed') throw new Error(`given holder ${name}: ${outcome}`);
  }
}

/** When a command about this coupon is handled: its outcome, and the events that it has added to the coupon's log. */
export async function when<Outcome>(
  system: System,
  { seller, name }: CouponName,
  command: () => Promise<Outcome>,
): Promise<{ outcome: Outcome; events: NewEvent[] }> {
  await settled(system);
  const before = await loggedEvents(system, seller, name);
  const outcome = await command();
  await settled(system);
  const after = await loggedEvents(system, seller, name);
  const events = after
    .slice(before.length)
    .map(({ type, version, data }) => ({ type, version, data: withoutCode(data) }) as NewEvent);
  return { outcome, events };
}

/** The deliveries that the bus publishes while the work is done. */
export async function publishedDuring({ bus }: Pick<System, 'bus'>, work: () => Promise<unknown>): Promise<Delivery[]> {
  const deliveries: Delivery[] = [];
  const listener = (delivery: Delivery, _inlined: Promise<void>) => void deliveries.push(delivery);
  for (const type of decidedEventTypes) bus.on(type, listener);
  try {
    await work();
  } finally {
    for (const type of decidedEventTypes) bus.off(type, listener);
  }
  return deliveries;
}

// Then: the events as a test expects them.

export const couponCreated = (amount: number, stock: number, description: string): NewEvent => ({
  type: 'CouponCreated',
  version: 1,
  data: { amount, stock, description },
});

export const couponGrabbed = (version: number, customer: string, left: number, idempotencyKey?: string): NewEvent => ({
  type: 'CouponGrabbed',
  version,
  data: { customer, left, ...(idempotencyKey === undefined ? {} : { idempotencyKey }) },
});
