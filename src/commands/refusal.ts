import type { GrabResult } from './decideGrabs.ts';

/**
 * How long a refusal is repeated without asking Redis, counted from before the script call that decided it. A creation, a restock, a
 * resume, a release or new terms on another process are thereby seen within a second.
 */
const REFUSAL_TTL_MS = 900;
/** From this age on, the grab of one customer renews the refusal: without that, the whole crowd would go to Redis when it expires. */
const RENEW_AFTER_MS = 450;
/** When the renewal has not come by then, the next grab tries it. */
const RENEW_AGAIN_AFTER_MS = 100;

/** A refusal that the script decided. Times are in milliseconds of performance.now(). */
export interface Refusal<Result extends GrabResult = GrabResult> {
  result: Result;
  /** When the script call was sent. */
  since: number;
  /** The version of the coupon's refusals before the call: see `RepeatedRefusals`. */
  version: number;
  /** Where changes of the coupon are counted. */
  slot: number;
  renewAt: number;
  /** The customer whose grab renews the refusal; an empty string means none. */
  renewer: string;
}

export const newRefusal = <Result extends GrabResult>(
  result: Result,
  since: number,
  version: number,
  slot: number,
): Refusal<Result> => ({ result, since, version, slot, renewAt: since + RENEW_AFTER_MS, renewer: '' });

export const isFresh = ({ since }: Refusal, now: number) => now <= since + REFUSAL_TTL_MS;

/** Whether the grab of this customer must be decided by Redis, so that the refusal stays fresh for all other customers. */
export function isRenewedBy(refusal: Refusal, customer: string, now: number): boolean {
  if (now >= refusal.renewAt) {
    refusal.renewAt = now + RENEW_AGAIN_AFTER_MS;
    refusal.renewer = customer;
  }
  return refusal.renewer === customer;
}
