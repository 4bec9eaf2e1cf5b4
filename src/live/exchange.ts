import type { Redis } from 'ioredis';
import { z } from 'zod';
import type { Closer } from '../infra/closers.ts';
import { liveChannel } from '../infra/keys.ts';
import { connectRedis } from '../infra/stores/redis.ts';
import type { Log } from '../infra/telemetry/log.ts';
import { rehearsalProgressSchema } from './figures.ts';
import { talliedCouponSchema } from './tally.ts';

const messageSchema = z.object({
  coupons: z.array(talliedCouponSchema),
  /** Sellers with a new coupon. */
  sellers: z.array(z.string()),
  rehearsal: rehearsalProgressSchema.optional(),
});
/** What a process tells all that have listeners, itself among them. */
export type LiveMessage = z.infer<typeof messageSchema>;

export interface Exchange {
  tell(message: LiveMessage): void;
  /** Hears what all processes tell, from when this resolves until `stopHearing`. */
  startHearing(): Promise<void>;
  stopHearing(): void;
}

/**
 * Processes share their counts through a channel of Redis: whichever a listener is connected to, it sees the sale of all.
 * A message may be lost, which costs a listener some counts and nobody a coupon. `missed` is called when some may have been.
 */
export async function openExchange(deps: {
  redisUrl: string;
  redis: Redis;
  log: Log;
  hear: (message: LiveMessage) => void;
  missed: () => void;
}) {
  const { redis, log, hear, missed } = deps;
  const channel = liveChannel(redis.options.db ?? 0);
  const subscriber = connectRedis(deps.redisUrl, log);
  subscriber.redis.on('message', (_channel, text) => {
    try {
      hear(messageSchema.parse(JSON.parse(text)));
    } catch (err) {
      log.warn({ err }, 'a live message can not be read: does another version of the server run?');
    }
  });
  // ioredis subscribes again by itself.
  subscriber.redis.on('ready', missed);
  await subscriber.redis.connect();

  const exchange: Exchange = {
    tell(message) {
      redis.publish(channel, JSON.stringify(message)).catch((err) => log.debug({ err }, 'live counts were lost'));
    },
    startHearing: async () => void (await subscriber.redis.subscribe(channel)),
    stopHearing() {
      subscriber.redis.unsubscribe(channel).catch((err) => log.debug({ err }, 'still subscribed'));
    },
  };
  const close: Closer = () => subscriber.close();
  return { exchange, close };
}
