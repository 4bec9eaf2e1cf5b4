import type { Redis } from 'ioredis';
import { groupedCode } from '../coupon/code.ts';
import { type CouponName, keys, splitPiecePath } from '../infra/keys.ts';
import type { CouponTerms, ShownTerms } from './couponTerms.ts';
import { isoTime, isoTimes } from './isoTime.ts';
import { PAGE_SIZE, ranksOf } from './page.ts';

/** A piece that the customer holds. Times are ISO 8601 on the clock of Redis. */
export interface CustomerCoupon {
  name: string;
  /** Face value. */
  stock: number;
  description: string;
  seller: string;
  grabbedAt: string;
  /** In groups of four characters; absent for grabs of the first releases. */
  code?: string | undefined;
  /** Absent while the code is good. */
  redeemedAt?: string | undefined;
  /** The code is redeemed from `validFrom` on and before `validUntil`; an absent time means no limit. */
  validFrom?: string | undefined;
  validUntil?: string | undefined;
}

/**
 * One page of the pieces that a customer holds, oldest first. The score of the view is the time of the grab in microseconds; it is
 * negative for a piece that was given back.
 */
export async function listCustomerCoupons(
  { redis, couponTerms }: { redis: Redis; couponTerms: CouponTerms },
  customer: string,
  page: number,
): Promise<CustomerCoupon[]> {
  const view = keys.customerView(customer);
  const scored = await redis.zrangebyscore(view, '(0', '+inf', 'WITHSCORES', 'LIMIT', ranksOf(page).first, PAGE_SIZE);
  const pieces = scored.filter((_, place) => place % 2 === 0).map(splitPiecePath);
  const times = scored.filter((_, place) => place % 2 === 1);
  const terms = await couponTerms.read(pieces);
  const redemptions = await readRedemptions(redis, pieces, terms);
  return pieces.map(({ seller, name, code }, place) => {
    const { stock, description, validFrom, validUntil } = terms[place] as ShownTerms;
    return {
      name,
      stock,
      description,
      seller,
      grabbedAt: isoTime(Number(times[place])),
      ...(code === undefined ? {} : { code: groupedCode(code) }),
      ...isoTimes({ redeemedAt: redemptions[place], validFrom, validUntil }),
    };
  });
}

/** The time of each piece's redemption in microseconds, undefined for a piece that is not redeemed; one round trip for all. */
async function readRedemptions(
  redis: Redis,
  pieces: readonly (CouponName & { code?: string })[],
  terms: readonly ShownTerms[],
): Promise<(number | undefined)[]> {
  const times = pieces.map((): number | undefined => undefined);
  const wanted = [...pieces.entries()].filter(
    ([place, { code }]) => code !== undefined && terms[place]?.hasRedemptions,
  );
  if (wanted.length === 0) return times;
  const pipeline = redis.pipeline();
  for (const [, { code = '', ...coupon }] of wanted) pipeline.hget(keys.redemptions(coupon), code);
  for (const [i, [error, reply]] of ((await pipeline.exec()) ?? []).entries()) {
    if (error) throw error;
    const place = wanted[i]?.[0];
    if (place !== undefined && reply !== null) times[place] = Number(reply);
  }
  return times;
}
