import type { Redis } from 'ioredis';
import { readScripts } from '../../src/infra/scripts.ts';

/** The scripts, and the deletion of a batch's plan. The reads of the sweep of batches are sent as they are. */
const intercepted: ReadonlySet<unknown> = new Set([...readScripts().map(({ name }) => name), 'hdel']);

export interface Call {
  name: string;
  args: readonly unknown[];
}

/**
 * The same client for one part of a test: `around` decides for each call whether and when it is sent, and when its reply arrives. `more`:
 * the names of other commands that it decides about.
 */
export function interceptRedis(
  redis: Redis,
  around: (call: Call, send: () => Promise<unknown>) => Promise<unknown>,
  more: readonly string[] = [],
): Redis {
  return new Proxy(redis, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name);
      if (typeof value !== 'function') return value;
      if (!intercepted.has(name) && !more.includes(String(name))) return value.bind(target);
      return (...args: unknown[]) => around({ name: String(name), args }, () => value.apply(target, args));
    },
  });
}

/** A call of a process that has died: nothing ever follows. */
export const never = () => new Promise<never>(() => {});

/** After seven keys, the sixth argument of the script. */
const RESERVE_FOR = 12;

/** True for the call that creates a coupon, and false for the call of the same script that reserves a name. */
export const isCreation = ({ name, args }: Call) => name === 'createCoupon' && args[RESERVE_FOR] === '';
