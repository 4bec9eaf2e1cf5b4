import type { Redis } from 'ioredis';
import type { CouponEvent, CouponGrabbed } from '../../events.ts';
import { couponPath, keys, splitCouponPath } from '../../infra/keys.ts';
import { addMismatch, type Report } from './verifyReport.ts';

/** Looks in Redis for the holder and the view entry of each of these events of the log. */
export async function verifyHolders(redis: Redis, events: readonly CouponEvent[], report: Report): Promise<void> {
  const grabsOf = new Map<string, CouponGrabbed[]>();
  const checks: Promise<void>[] = [];
  const verifyEntry = async (view: string, member: string, { occurredAt, version, coupon }: CouponEvent) => {
    if (Number(await redis.zscore(view, member)) !== occurredAt)
      addMismatch(report, `${couponPath(coupon)}: version ${version} is not in ${view}, or has another time there`);
  };
  for (const event of events) {
    const { seller, name } = event.coupon;
    const path = couponPath({ seller, name });
    if (event.type === 'PiecesRecounted') continue;
    if (event.type === 'CouponCreated') {
      checks.push(verifyEntry(keys.sellerView(seller), name, event));
      continue;
    }
    checks.push(verifyEntry(keys.customerView(event.data.customer), path, event));
    const grabs = grabsOf.get(path);
    if (grabs) grabs.push(event);
    else grabsOf.set(path, [event]);
  }
  for (const [path, grabs] of grabsOf) checks.push(verifyHeld(redis, path, grabs, report));
  await Promise.all(checks);
}

async function verifyHeld(redis: Redis, path: string, grabs: readonly CouponGrabbed[], report: Report): Promise<void> {
  const holders = keys.holders(splitCouponPath(path));
  const held = await redis.hmget(holders, ...grabs.map(({ data }) => data.customer));
  for (const [place, { version, data }] of grabs.entries()) {
    const value = held[place];
    if (value == null) addMismatch(report, `${path}: Redis lacks the holder ${data.customer} of version ${version}`);
    // An idempotency key may follow the version.
    else if (Number.parseInt(value, 10) !== version)
      addMismatch(report, `${path}: Redis has the holder ${data.customer} at version ${value}, the log at ${version}`);
  }
}
