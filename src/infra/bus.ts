import { EventEmitter } from 'eventemitter3';
import type { CouponCreated, CouponEvent, CouponGrabbed } from '../events.ts';
import type { Delivery } from './outbox.ts';

type DeliveryOf<E extends CouponEvent> = Delivery & { events: E[] };

export interface BusEvents {
  CouponCreated: (delivery: DeliveryOf<CouponCreated>) => void;
  CouponGrabbed: (delivery: DeliveryOf<CouponGrabbed>) => void;
}

type InlineProjection = (delivery: Delivery) => Promise<void>;

export interface Bus extends Pick<EventEmitter<BusEvents>, 'on' | 'off'> {
  /** A projection that must have the events before `publish` resolves. */
  inline(projection: InlineProjection): void;
  /**
   * The inline projections first, then every listener. When an inline projection fails, publish rejects and no listener
   * hears of the delivery: so nobody deletes its outbox entry, and the relay publishes it again.
   */
  publish(delivery: Delivery): Promise<void>;
}

export function createBus(): Bus {
  const emitter = new EventEmitter<BusEvents>();
  const inline: InlineProjection[] = [];
  return {
    on: emitter.on.bind(emitter),
    off: emitter.off.bind(emitter),
    inline: (projection) => void inline.push(projection),
    async publish(delivery) {
      await Promise.all(inline.map((project) => project(delivery)));
      const [first] = delivery.events;
      // An entry holds events of one type, which the types can't say.
      if (first) emitter.emit(first.type, delivery as never);
    },
  };
}
