import type { Redis } from 'ioredis';
import { keys } from '../keys.ts';
import type { Log } from '../telemetry/log.ts';

/** The addresses that are kept for each account; a further one replaces the oldest. */
const ADDRESSES_MAX = 20;
const KEPT_SECONDS = 90 * 24 * 60 * 60;

export interface KnownAddresses {
  /** Whether a log-in to the account has succeeded from this address. False while Redis does not reply. */
  has(username: string, address: string): Promise<boolean>;
  add(username: string, address: string): Promise<void>;
}

/** The addresses from which log-ins to each account have succeeded, shared by all processes in Redis. */
export const createKnownAddresses = ({ redis, log }: { redis: Redis; log: Log }): KnownAddresses => ({
  has: (username, address) =>
    redis.zscore(keys.knownAddresses(username), address).then(
      (score) => score !== null,
      () => false,
    ),
  async add(username, address) {
    const key = keys.knownAddresses(username);
    const replies = await redis
      .multi()
      .zadd(key, Date.now(), address)
      .zremrangebyrank(key, 0, -1 - ADDRESSES_MAX)
      .expire(key, KEPT_SECONDS)
      .exec()
      .catch((err) => [[err]] as const);
    const err = replies?.find(([error]) => error !== null)?.[0];
    if (err !== undefined) log.warn({ err }, 'remembering the address of a log-in failed');
  },
});
