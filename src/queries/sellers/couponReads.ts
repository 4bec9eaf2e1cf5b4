import type { Redis } from 'ioredis';
import { runScript } from '../../infra/scripts.ts';

/** Bounds the time that Redis spends on one call, during which it decides no grab. */
const MAX_KEYS = 256;

export interface WantedCoupon {
  /** The key of its hash. */
  key: string;
  partition: number;
  /** The version that the caller knows; empty if it knows none. */
  version: string;
}

/** A coupon as it was at `now`, in microseconds since 1970 on the clock of Redis. */
export interface ReadCoupon {
  /** Of its fields; `unchanged` if the coupon has the known version, undefined if it does not exist. */
  values: readonly (string | null)[] | 'unchanged' | undefined;
  now: number;
}

/** Resolves to the coupons in the order of the wanted ones. */
export type ReadCoupons = (coupons: readonly WantedCoupon[]) => Promise<ReadCoupon[]>;

interface Caller {
  read: ReadCoupon[];
  missing: number;
  resolve(read: ReadCoupon[]): void;
  reject(error: unknown): void;
}
interface Waiting {
  coupon: WantedCoupon;
  caller: Caller;
  /** Among the coupons of the caller. */
  place: number;
}

type Reply = ['read', now: string, coupons: (string | (string | null)[] | null)[]];

/**
 * Reads the coupons of all callers of one turn of the event loop with one script call for each partition. The keys of a call are in
 * one slot of a Redis Cluster. A command for each coupon would cost this process more than all the rest of a list.
 */
export function createCouponReads(redis: Redis): ReadCoupons {
  let gathered: Map<number, Waiting[]> | undefined;

  const call = async (waiting: readonly Waiting[]) => {
    try {
      const scriptKeys = waiting.map(({ coupon }) => coupon.key);
      const versions = waiting.map(({ coupon }) => coupon.version);
      const [, now, coupons] = (await runScript(redis, 'readCoupons', scriptKeys, versions)) as Reply;
      for (let i = 0; i < waiting.length; i++) deliver(waiting[i] as Waiting, coupons[i] ?? null, Number(now));
    } catch (error) {
      for (const { caller } of waiting) caller.reject(error);
    }
  };
  const send = () => {
    const partitions = gathered?.values() ?? [];
    gathered = undefined;
    for (const waiting of partitions)
      for (let from = 0; from < waiting.length; from += MAX_KEYS) void call(waiting.slice(from, from + MAX_KEYS));
  };
  return (coupons) =>
    new Promise((resolve, reject) => {
      if (coupons.length === 0) return resolve([]);
      if (gathered === undefined) {
        gathered = new Map();
        // Runs after all callers that go on in this turn.
        process.nextTick(send);
      }
      const caller = { read: new Array(coupons.length), missing: coupons.length, resolve, reject };
      for (const [place, coupon] of coupons.entries()) {
        const waiting = gathered.get(coupon.partition);
        if (waiting === undefined) gathered.set(coupon.partition, [{ coupon, caller, place }]);
        else waiting.push({ coupon, caller, place });
      }
    });
}

function deliver({ coupon, caller, place }: Waiting, value: Reply[2][number], now: number): void {
  // A coupon that cannot be read fails its own list, and no other list of the call.
  if (typeof value === 'string' && value !== '') caller.reject(new Error(`${coupon.key}: ${value}`));
  else caller.read[place] = { values: value === '' ? 'unchanged' : (value ?? undefined), now };
  if (--caller.missing === 0) caller.resolve(caller.read);
}
