import { EventEmitter } from 'eventemitter3';
import type { CouponCreated, CouponGrabbed, DecidedEvent } from '../events.ts';
import type { Delivery } from './outbox.ts';

type DeliveryOf<E extends DecidedEvent> = Delivery & { events: E[] };

/** `inlined` settles with the inline projections: rejected when one of them could not take the delivery. */
export interface BusEvents {
  CouponCreated: (delivery: DeliveryOf<CouponCreated>, inlined: Promise<void>) => void;
  CouponGrabbed: (delivery: DeliveryOf<CouponGrabbed>, inlined: Promise<void>) => void;
}

type InlineProjection = (delivery: Delivery) => Promise<void>;

export interface Bus extends Pick<EventEmitter<BusEvents>, 'on' | 'off'> {
  /** A projection that must have the events before `publish` resolves. */
  inline(projection: InlineProjection): void;
  /**
   * Starts the inline projections and tells every listener, all before it returns: from then on the delivery is in this
   * process's memory, whatever becomes of Redis. Resolves, or rejects, with the inline projections.
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
    publish(delivery) {
      const inlined = Promise.all(inline.map((project) => project(delivery))).then(() => {});
      const [first] = delivery.events;
      // An entry holds events of one type, which the types can't say.
      if (first) emitter.emit(first.type, delivery as never, inlined);
      return inlined;
    },
  };
}
