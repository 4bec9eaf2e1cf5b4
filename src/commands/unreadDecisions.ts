import type { DecidedEvent } from '../events.ts';
import { type CouponName, keys, partitionOf, piecePath } from '../infra/keys.ts';
import { concerns, decodeEntry, type RawEntry } from '../infra/outbox.ts';
import { Unavailable } from '../unavailable.ts';
import { type DecisionDeps, publishDecision } from './decision.ts';

// A process that has read the reply of a script has the decision in memory and gives it to MySQL, even if Redis loses it. When the reply
// was lost, the decision is in Redis alone until a relay publishes its entry. A process that answers a client because of such a decision
// publishes the entry first: otherwise Redis could lose a success that was answered. An entry that is not in the outbox is in MySQL.

type Deps = Pick<DecisionDeps, 'redis' | 'bus' | 'watch' | 'log'>;

/** An entry may hold 512 grabs. */
const PAGE = 100;
const MOST_PAGES = 50;
/** The id of an entry and the time of its event differ by less. */
const SLACK_MS = 100;

/** Before a grab is answered that another request decided. A grab in the view of its customer was published before. */
export async function publishUnreadGrab(deps: Deps, coupon: CouponName, customer: string, code: string): Promise<void> {
  const member = piecePath(coupon, code === '' ? undefined : code);
  if ((await deps.redis.zscore(keys.customerView(customer), member)) !== null) return;
  await publishNewest(
    deps,
    coupon,
    (event) => event.type === 'CouponGrabbed' && event.data.customer === customer && (event.data.code ?? '') === code,
  );
}

/** Before a creation is answered that another request decided. A coupon in the view of its seller was published before. */
export async function publishUnreadCreation(deps: Deps, coupon: CouponName): Promise<void> {
  if ((await deps.redis.zscore(keys.sellerView(coupon.seller), coupon.name)) !== null) return;
  await publishNewest(deps, coupon, ({ type }) => type === 'CouponCreated');
}

/** The same for any other decision. `at`: its time in microseconds, as the script replied it. */
export async function publishUnreadChange(deps: Deps, coupon: CouponName, at: string): Promise<void> {
  const ms = Math.floor(Number(at) / 1_000);
  const entries = await deps.redis.xrange(keys.outbox(partitionOf(coupon)), ms - SLACK_MS, ms + SLACK_MS);
  await publishFirst(deps, coupon, entries, ({ occurredAt }) => occurredAt === Number(at));
}

/** Publishes the newest entry of the coupon with such an event. Throws Unavailable when the outbox is too long to be searched. */
async function publishNewest(deps: Deps, coupon: CouponName, isIt: (event: DecidedEvent) => boolean): Promise<void> {
  let before = '+';
  for (let page = 0; page < MOST_PAGES; page++) {
    const entries = await deps.redis.xrevrange(keys.outbox(partitionOf(coupon)), before, '-', 'COUNT', PAGE);
    if ((await publishFirst(deps, coupon, entries, isIt)) || entries.length < PAGE) return;
    before = `(${entries.at(-1)?.[0]}`;
  }
  throw new Unavailable('the decision is still being recorded');
}

async function publishFirst(
  deps: Deps,
  coupon: CouponName,
  entries: readonly RawEntry[],
  isIt: (event: DecidedEvent) => boolean,
): Promise<boolean> {
  const partition = partitionOf(coupon);
  const isOfCoupon = ({ coupon: { seller, name } }: DecidedEvent) => seller === coupon.seller && name === coupon.name;
  const entry = entries.find(
    (raw) =>
      concerns(raw, coupon) && decodeEntry(partition, raw).events.some((event) => isOfCoupon(event) && isIt(event)),
  );
  if (entry !== undefined) await publishDecision(deps, partition, entry);
  return entry !== undefined;
}
