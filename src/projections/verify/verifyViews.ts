import type { Redis } from 'ioredis';
import { readPieces } from '../../coupon/holderValue.ts';
import { couponPath, customerOfView, keyPatterns, keys, sellerOfView, splitPiecePath } from '../../infra/keys.ts';
import { readOutboxEntriesOfViews, scanKeys } from './readRedis.ts';
import { addMismatch, type Report } from './verifyReport.ts';

const PAGE = 500;

/**
 * Finds entries of views for pieces that the customer does not hold, or for coupons that the seller does not offer. Entries that are
 * missing are found by verifyPieces, which starts from the log.
 */
export async function verifyViews(
  { redis, masters }: { redis: Redis; masters: readonly Redis[] },
  report: Report,
  signal: AbortSignal,
): Promise<void> {
  for await (const views of scanKeys(masters, keyPatterns.customerViews)) {
    signal.throwIfAborted();
    await Promise.all(views.map((view) => verifyCustomer(redis, report, view)));
  }
  for await (const views of scanKeys(masters, keyPatterns.sellerViews)) {
    signal.throwIfAborted();
    await Promise.all(views.map((view) => verifySeller(redis, report, view)));
  }
}

async function verifyCustomer(redis: Redis, report: Report, view: string): Promise<void> {
  const customer = customerOfView(view);
  const isHeld = async (member: string) => {
    const { code, ...coupon } = splitPiecePath(member);
    const value = await redis.hget(keys.holders(coupon), customer);
    return readPieces(value).some((piece) => piece.code === code);
  };
  for await (const members of membersOf(redis, view)) {
    report.views += members.length;
    const held = await Promise.all(members.map(isHeld));
    const suspects = members.filter((_, place) => !held[place]);
    if (suspects.length === 0) continue;
    // A piece that was given back leaves the write model before the view. Until then its event is in the outbox.
    const explained = await readOutboxEntriesOfViews(redis, suspects.map(splitPiecePath));
    for (const member of suspects) {
      if (explained.has(`${view} ${member}`)) continue;
      // The outbox was read later, so the view has the time of the release by now if the event has left the outbox.
      if (Number(await redis.zscore(view, member)) > 0)
        addMismatch(report, `${member}: in the view of ${customer}, who does not hold this piece`);
    }
  }
}

async function verifySeller(redis: Redis, report: Report, view: string): Promise<void> {
  const seller = sellerOfView(view);
  for await (const names of membersOf(redis, view)) {
    report.views += names.length;
    const found = await Promise.all(names.map((name) => redis.exists(keys.coupon({ seller, name }))));
    for (const [place, name] of names.entries()) {
      if (found[place] === 0)
        addMismatch(report, `${couponPath({ seller, name })}: in the view of ${seller}, but Redis lacks the coupon`);
    }
  }
}

/** Pages of the members of a view, without pieces that were given back: their times are negative. */
async function* membersOf(redis: Redis, view: string): AsyncGenerator<string[]> {
  for (let rank = 0; ; rank += PAGE) {
    const scored = await redis.zrange(view, rank, String(rank + PAGE - 1), 'WITHSCORES');
    yield scored.filter((_, place) => place % 2 === 0 && Number(scored[place + 1]) > 0);
    if (scored.length < 2 * PAGE) return;
  }
}
