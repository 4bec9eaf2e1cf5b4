import type { Redis } from 'ioredis';
import type { CouponEvent, CouponGrabbed } from '../../events.ts';
import { couponPath, keys, splitCouponPath } from '../../infra/keys.ts';
import { readOutboxVersions } from './readRedis.ts';
import { addMismatch, type Report } from './verifyReport.ts';

/** The view entry that an event must have. */
interface ViewEntry {
  view: string;
  member: string;
  event: CouponEvent;
}

/** Looks in Redis for the holder and the view entry of each of these events of the log. */
export async function verifyHolders(redis: Redis, events: readonly CouponEvent[], report: Report): Promise<void> {
  const entries: ViewEntry[] = [];
  const grabsOf = new Map<string, CouponGrabbed[]>();
  for (const event of events) {
    const { seller, name } = event.coupon;
    const path = couponPath({ seller, name });
    if (event.type === 'PiecesRecounted') continue;
    if (event.type === 'CouponCreated') {
      entries.push({ view: keys.sellerView(seller), member: name, event });
      continue;
    }
    entries.push({ view: keys.customerView(event.data.customer), member: path, event });
    const grabs = grabsOf.get(path);
    if (grabs) grabs.push(event);
    else grabsOf.set(path, [event]);
  }
  await Promise.all([
    verifyEntries(redis, entries, report),
    ...[...grabsOf].map(([path, grabs]) => verifyHeld(redis, path, grabs, report)),
  ]);
}

/**
 * MySQL may have committed an event whose view entry could not be written, because the connection to Redis was cut. The event stays
 * in the outbox until a relay has written the entry, which takes seconds. So the outbox is read after the view. An event leaves the
 * outbox only after its entry was written: when the outbox lacks the event, the view is read once more, and an entry that is still
 * missing is lost.
 */
async function verifyEntries(redis: Redis, entries: readonly ViewEntry[], report: Report): Promise<void> {
  const missing = await withoutScore(redis, entries, report);
  if (missing.length === 0) return;
  const inOutbox = await readOutboxVersions(
    redis,
    missing.map(({ event }) => event.coupon),
  );
  const isInOutbox = ({ event: { coupon, version } }: ViewEntry) =>
    (inOutbox.get(coupon.id) ?? []).some(({ from, to }) => from <= version && version <= to);
  const unexplained = missing.filter((entry) => !isInOutbox(entry));
  for (const { view, event } of await withoutScore(redis, unexplained, report))
    addMismatch(report, `${couponPath(event.coupon)}: version ${event.version} is not in ${view}`);
}

/** Resolves to the entries that the views lack. An entry with another time than its event is a mismatch. */
async function withoutScore(redis: Redis, entries: readonly ViewEntry[], report: Report): Promise<ViewEntry[]> {
  const scores = await Promise.all(entries.map(({ view, member }) => redis.zscore(view, member)));
  return entries.filter(({ view, event }, place) => {
    const score = scores[place];
    if (score == null) return true;
    if (Number(score) !== event.occurredAt)
      addMismatch(report, `${couponPath(event.coupon)}: version ${event.version} has another time in ${view}`);
    return false;
  });
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
