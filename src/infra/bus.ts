import { EventEmitter } from 'eventemitter3';
import type { DecidedEvent } from '../events.ts';
import type { Delivery } from './outbox.ts';

type DeliveryOf<T extends DecidedEvent['type']> = Delivery & { events: Extract<DecidedEvent, { type: T }>[] };

/** `inlined` settles with the inline projections: it rejects when one of them failed to apply the delivery. */
export type BusEvents = {
  [T in DecidedEvent['type']]: (delivery: DeliveryOf<T>, inlined: Promise<void>) => void;
};

type InlineProjection = (delivery: Delivery) => Promise<void>;

export interface Bus extends Pick<EventEmitter<BusEvents>, 'on' | 'off'> {
  /** Adds a projection that must have applied a delivery before `publish` resolves. */
  inline(projection: InlineProjection): void;
  /**
   * Starts the inline projections and calls every listener before it returns: from then on the delivery is in the memory of this
   * process, even if Redis is lost. Resolves, or rejects, with the inline projections.
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
      // The events of an entry are of one type, which TypeScript cannot infer.
      if (first) emitter.emit(first.type, delivery as never, inlined);
      return inlined;
    },
  };
}
