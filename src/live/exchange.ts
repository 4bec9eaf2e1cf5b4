import type { Redis } from 'ioredis';
import { z } from 'zod';
import type { Closer } from '../infra/closers.ts';
import { liveChannel } from '../infra/keys.ts';
import type { Master } from '../infra/shards/masters.ts';
import type { Log } from '../infra/telemetry/log.ts';
import { rehearsalProgressSchema } from './figures.ts';
import { couponTallySchema } from './tally.ts';

const messageSchema = z.object({
  coupons: z.array(couponTallySchema),
  /** Sellers with a new coupon. */
  sellers: z.array(z.string()),
  rehearsal: rehearsalProgressSchema.optional(),
});
/** A message that a process publishes to all processes with listeners, including itself. */
export type LiveMessage = z.infer<typeof messageSchema>;

export interface Exchange {
  publish(message: LiveMessage): void;
  /** From when this resolves until `unsubscribe`, `onMessage` receives the messages of all processes. */
  subscribe(): Promise<void>;
  unsubscribe(): void;
}

/**
 * Processes share their counts through a Redis channel, so a listener sees the sales of all processes whichever it is connected to.
 * Delivery is at most once: a lost message makes some counts too low and affects no coupon. `onReconnect` is called when messages
 * may have been lost.
 */
export async function openExchange(deps: {
  connect: Master['connect'];
  redis: Redis;
  log: Log;
  onMessage: (message: LiveMessage) => void;
  onReconnect: () => void;
}) {
  const { redis, log, onMessage, onReconnect } = deps;
  const channel = liveChannel(redis.options.db ?? 0);
  const subscriber = deps.connect();
  subscriber.redis.on('message', (_channel, text) => {
    try {
      onMessage(messageSchema.parse(JSON.parse(text)));
    } catch (err) {
      log.warn({ err }, 'cannot process a live message; another process may run a different version');
    }
  });
  // After a reconnect ioredis renews the subscription itself.
  subscriber.redis.on('ready', onReconnect);
  await subscriber.redis.connect();

  const exchange: Exchange = {
    publish(message) {
      redis
        .publish(channel, JSON.stringify(message))
        .catch((err) => log.debug({ err }, 'publishing live counts failed'));
    },
    subscribe: async () => void (await subscriber.redis.subscribe(channel)),
    unsubscribe() {
      subscriber.redis.unsubscribe(channel).catch((err) => log.debug({ err }, 'unsubscribe failed'));
    },
  };
  const close: Closer = () => subscriber.close();
  return { exchange, close };
}
