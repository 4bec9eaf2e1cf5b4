import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  writeFileSync,
} from 'node:fs';
import { dirname } from 'node:path';
import type { paths } from '../../client/api.d.ts';

export type SeckillEvent =
  paths['/api/events']['get']['responses'][200]['content']['application/cloudevents-batch+json'][number];

export interface Order {
  /** The id of the event of the grab: an event that comes again finds its order and makes no second one. */
  id: string;
  customer: string;
  product: string;
  orderedAt: string;
  status: 'ordered' | 'canceled';
}
export type Orders = ReturnType<typeof openOrders>;

/**
 * The orders, with the cursor of the last page of events that they contain. Both are in one file that is replaced as a whole, so after
 * a crash neither is newer than the other. A real order system keeps both in its database, and changes them in one transaction.
 */
export function openOrders(file: string) {
  mkdirSync(dirname(file), { recursive: true });
  let kept: { cursor?: string; orders: Record<string, Order> } = { orders: {} };
  if (existsSync(file)) kept = JSON.parse(readFileSync(file, 'utf8'));
  return {
    cursor: () => kept.cursor,
    ofCustomer: (customer: string) => Object.values(kept.orders).filter((order) => order.customer === customer),
    /** Takes over a page of events. When the file cannot be written, the page comes again. */
    take(events: readonly SeckillEvent[], cursor: string) {
      const orders = { ...kept.orders };
      for (const event of events) applyTo(orders, event);
      writeAtomically(file, JSON.stringify({ cursor, orders }, undefined, 2));
      kept = { cursor, orders };
    },
  };
}

function applyTo(orders: Record<string, Order>, event: SeckillEvent): void {
  switch (event.type) {
    case 'CouponGrabbed':
      orders[event.id] ??= {
        id: event.id,
        customer: event.data.customer,
        product: event.data.coupon.name,
        orderedAt: event.time,
        status: 'ordered',
      };
      return;
    case 'GrabReleased': {
      // The customer gave the piece of this grab back.
      const id = `${event.data.coupon.id}:${event.data.grab}`;
      const order = orders[id];
      if (order !== undefined) orders[id] = { ...order, status: 'canceled' };
      return;
    }
    default:
      // Other events make no order. New types may be added.
      return;
  }
}

/** After a crash there is the old file or the new one, and never half of one. */
function writeAtomically(file: string, content: string): void {
  const descriptor = openSync(`${file}.new`, 'w', 0o600);
  writeFileSync(descriptor, content);
  fsyncSync(descriptor);
  closeSync(descriptor);
  renameSync(`${file}.new`, file);
}
