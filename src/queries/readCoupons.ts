import type { Redis } from 'ioredis';
import { type CouponName, couponPath, keys } from '../infra/keys.ts';

/** The fields of a coupon's hash. A field that the hash lacks is an empty string. */
type Fields<Field extends string> = Record<Field, string>;

/**
 * Reads fields of many coupons in one round trip, in the order of the coupons; a coupon that the write model lacks is undefined. The
 * first field must be one that every coupon has. `now` is the time right after, in microseconds since 1970 on the clock of Redis.
 */
export async function findCoupons<Field extends string>(
  redis: Redis,
  coupons: readonly CouponName[],
  fields: readonly Field[],
): Promise<{ found: (Fields<Field> | undefined)[]; now: number }> {
  const pipeline = redis.pipeline();
  for (const coupon of coupons) pipeline.hmget(keys.coupon(coupon), ...fields);
  pipeline.time();
  const replies = ((await pipeline.exec()) ?? []).map(([error, reply]) => {
    if (error) throw error;
    return reply as (string | null)[];
  });
  const [seconds, microseconds] = (replies.pop() ?? []).map(Number);
  const found = replies.map((values) =>
    values[0] == null
      ? undefined
      : (Object.fromEntries(fields.map((field, at) => [field, values[at] ?? ''])) as Fields<Field>),
  );
  return { found, now: Number(seconds) * 1_000_000 + Number(microseconds) };
}

/** The same for coupons that a view names: throws when the write model lacks one of them. */
export async function readCoupons<Field extends string>(
  redis: Redis,
  coupons: readonly CouponName[],
  fields: readonly Field[],
): Promise<{ read: Fields<Field>[]; now: number }> {
  if (coupons.length === 0) return { read: [], now: 0 };
  const { found, now } = await findCoupons(redis, coupons, fields);
  return { read: requireAll(coupons, found), now };
}

/** The found coupons. Throws when the write model lacks one of them. */
export const requireAll = <Found>(coupons: readonly CouponName[], found: readonly (Found | undefined)[]): Found[] =>
  coupons.map((coupon, place) => {
    const values = found[place];
    if (values === undefined)
      throw new Error(`the view names a coupon that the write model lacks: ${couponPath(coupon)}`);
    return values;
  });

/** A number of the hash; undefined when the hash lacks the field. */
export const numberIn = (digits: string) => (digits === '' ? undefined : Number(digits));
