import type { Redis } from 'ioredis';
import { partitionOfCode } from '../../coupon/code.ts';
import type { Standing } from '../../infra/fence.ts';
import type { Gate } from '../../infra/gate.ts';
import { type CouponName, keys, piecePath, splitCodeOwner } from '../../infra/keys.ts';
import { Unavailable } from '../../unavailable.ts';

export interface FoundPiece {
  coupon: CouponName;
  customer: string;
  /** Microseconds since 1970 on the clock of Redis. */
  grabbedAt: number;
}

/**
 * The piece that a code of this seller was made for, whether a customer still holds the piece or not; undefined when there is none.
 * Throws Unavailable while the grab is not in the view of its customer: its time is not known then.
 */
export async function findPiece(
  { redis, gate, fence }: { redis: Redis; gate: Gate; fence: Standing },
  seller: string,
  code: string,
): Promise<FoundPiece | undefined> {
  gate.mustBeOpen();
  const codes = keys.codes(partitionOfCode(code));
  const entry = await redis.hget(codes, code);
  if (entry === null) {
    // Redis may have been emptied a moment ago.
    await fence.mustStand(codes);
    return undefined;
  }
  const { customer, ...coupon } = splitCodeOwner(entry);
  if (coupon.seller !== seller) return undefined;
  const score = await redis.zscore(keys.customerView(customer), piecePath(coupon, code));
  if (score === null) throw new Unavailable('the grab of this code is still being recorded');
  // The score of a piece that was given back is the negative time of its release.
  return { coupon, customer, grabbedAt: Math.abs(Number(score)) };
}
