import { createHash } from 'node:crypto';
import type { Redis } from 'ioredis';
import { RateLimiterMemory, RateLimiterRedis, RateLimiterRes } from 'rate-limiter-flexible';
import { keys } from '../keys.ts';
import type { Log } from '../telemetry/log.ts';
import { createKnownAddresses } from './knownAddresses.ts';

/** A process refuses an address over its limit for this long without Redis. It is short because log-ins under way may succeed. */
const ADDRESS_BLOCK_SECONDS = 10;

export interface LimitSettings {
  /** Failed log-ins from one address to accounts that do not know the address. */
  failuresPerAddress: number;
  /** Failed log-ins to one account from all addresses that the account does not know. */
  failuresPerAccount: number;
  /** Failed log-ins to one account from one address. */
  failuresPerPair: number;
  registrationsPerAddress: number;
  windowSeconds: number;
}

/** A request over a limit: the client may retry after this time. */
export interface Limited {
  type: 'limited';
  retryAfterSeconds: number;
}

/** A log-in that counts as failed until one of these functions is called. */
export interface LogInAttempt {
  type: 'admitted';
  /** The password was right: the attempt no longer counts, nor do the earlier failures of this account from this address. */
  succeeded(): Promise<void>;
  /** The password was not checked: the attempt no longer counts. */
  withdraw(): Promise<void>;
}

export interface AttemptLimits {
  logIn(username: string, address: string): Promise<LogInAttempt | Limited>;
  /** Undefined when the address may register another user. */
  register(address: string): Promise<Limited | undefined>;
}

/**
 * Limits on log-ins and registrations, shared by all processes in Redis; while Redis does not reply, each process counts in memory.
 * An attempt is counted before its password is hashed, because parallel guesses would all pass a check of the failures so far.
 *
 * An account knows the addresses from which log-ins to it have succeeded. From such an address, only the failures of this account from
 * this address count, so a guesser at other addresses cannot lock the owner out.
 */
export function createAttemptLimits(deps: { redis: Redis; limits: LimitSettings; log: Log }): AttemptLimits {
  const { redis, limits, log } = deps;
  const known = createKnownAddresses({ redis, log });
  const limiter = (keyPrefix: string, points: number, blockSeconds = 0) => {
    const limit = { points, duration: limits.windowSeconds };
    return new RateLimiterRedis({
      ...limit,
      keyPrefix,
      storeClient: redis,
      rejectIfRedisNotReady: true,
      insuranceLimiter: new RateLimiterMemory(limit),
      // Far over the limit, the process refuses without Redis, because grabs would wait for each write that Redis syncs to its disk.
      // Not just over it: parallel log-ins that all have the right password would block an account until the window ends.
      inMemoryBlockOnConsumed: 2 * points + 1,
      inMemoryBlockDuration: Math.min(blockSeconds, limits.windowSeconds),
    });
  };
  const ofAddress = limiter(keys.limit('log-in-address'), limits.failuresPerAddress, ADDRESS_BLOCK_SECONDS);
  const ofAccount = limiter(keys.limit('log-in-account'), limits.failuresPerAccount);
  const ofPair = limiter(keys.limit('log-in-pair'), limits.failuresPerPair);
  const registrations = limiter(keys.limit('registration'), limits.registrationsPerAddress);

  return {
    async logIn(username, address) {
      const isKnown = await known.has(username, address);
      const account = digest(username);
      const pair = digest(`${address} ${username}`);
      // The address comes first, so that its limit also bounds the keys that made-up names leave in Redis.
      const counted: [limiter: RateLimiterRedis, key: string][] = isKnown
        ? [[ofPair, pair]]
        : [
            [ofAddress, address],
            [ofPair, pair],
            [ofAccount, account],
          ];
      for (const [one, key] of counted) {
        const limited = await consume(one, key);
        if (limited !== undefined) return limited;
      }
      const giveBack = (which: typeof counted) => Promise.all(which.map(([one, key]) => one.reward(key)));
      return {
        type: 'admitted',
        async succeeded() {
          await Promise.all([
            ofPair.delete(pair),
            giveBack(counted.filter(([one]) => one !== ofPair)),
            known.add(username, address),
          ]);
        },
        async withdraw() {
          await giveBack(counted);
        },
      };
    },
    register: (address) => consume(registrations, address),
  };
}

async function consume(limiter: RateLimiterRedis, key: string): Promise<Limited | undefined> {
  try {
    await limiter.consume(key);
    return undefined;
  } catch (refusal) {
    if (!(refusal instanceof RateLimiterRes)) throw refusal;
    return { type: 'limited', retryAfterSeconds: Math.max(1, Math.ceil(refusal.msBeforeNext / 1_000)) };
  }
}

/** A client may send any text as a username; its key has a fixed length. */
const digest = (text: string) => createHash('sha256').update(text).digest('base64url');
