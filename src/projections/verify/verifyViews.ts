import type { Redis } from 'ioredis';
import { couponPath, customerOfView, keyPatterns, keys, sellerOfView, splitCouponPath } from '../../infra/keys.ts';
import { scanKeys } from './readRedis.ts';
import { addMismatch, type Report } from './verifyReport.ts';

const PAGE = 500;

/**
 * Finds entries of views for coupons that the customer does not hold, or that the seller does not offer. Entries that are missing
 * are found by verifyHolders, which starts from the log.
 */
export async function verifyViews(redis: Redis, report: Report, signal: AbortSignal): Promise<void> {
  const verifyCustomer = (view: string) => {
    const customer = customerOfView(view);
    const isHeld = (path: string) => redis.hexists(keys.holders(splitCouponPath(path)), customer);
    const mismatchOf = (path: string) => `${path}: in the view of ${customer}, who holds no piece`;
    return verifyView(redis, report, view, isHeld, mismatchOf);
  };
  const verifySeller = (view: string) => {
    const seller = sellerOfView(view);
    const isOffered = (name: string) => redis.exists(keys.coupon({ seller, name }));
    const mismatchOf = (name: string) =>
      `${couponPath({ seller, name })}: in the view of ${seller}, but Redis lacks the coupon`;
    return verifyView(redis, report, view, isOffered, mismatchOf);
  };
  for await (const views of scanKeys(redis, keyPatterns.customerViews)) {
    signal.throwIfAborted();
    await Promise.all(views.map(verifyCustomer));
  }
  for await (const views of scanKeys(redis, keyPatterns.sellerViews)) {
    signal.throwIfAborted();
    await Promise.all(views.map(verifySeller));
  }
}

async function verifyView(
  redis: Redis,
  report: Report,
  view: string,
  exists: (member: string) => Promise<number>,
  mismatchOf: (member: string) => string,
): Promise<void> {
  for (let rank = 0; ; rank += PAGE) {
    const members = await redis.zrange(view, rank, String(rank + PAGE - 1));
    const found = await Promise.all(members.map(exists));
    report.views += members.length;
    for (const [place, member] of members.entries()) if (found[place] === 0) addMismatch(report, mismatchOf(member));
    if (members.length < PAGE) return;
  }
}
