import type { Redis } from 'ioredis';
import type { Connection } from 'mysql2';
import { pieceText, readPieces } from '../../coupon/holderValue.ts';
import { type CouponRef, eventId } from '../../events.ts';
import { groupBy } from '../../infra/groupBy.ts';
import { keys } from '../../infra/keys.ts';
import { idToBytes, rowsToEvents } from '../log/eventRows.ts';
import type { CouponWalk } from './couponWalk.ts';
import { type CustomerWalk, startCustomerWalk, takeCustomerEvent } from './customerWalk.ts';
import { readRowsOfCustomers } from './readMysql.ts';
import { type Suspect, suspect } from './verifyPieces.ts';
import type { Report, Suspicions } from './verifyReport.ts';

interface Customer {
  coupon: CouponRef;
  name: string;
  walk: CustomerWalk;
}

/**
 * Walks through the events of these coupons again, customer by customer. A coupon needs it only if a customer may have more than one
 * grab or a piece may have changed after its grab: of all others, the walk by versions has checked everything.
 */
export async function verifyCustomers(
  { redis, connection }: { redis: Redis; connection: Connection },
  walks: ReadonlyMap<string, CouponWalk>,
  report: Report,
  suspicions: Suspicions,
): Promise<void> {
  if (walks.size === 0) return;
  for (const walk of walks.values()) walk.customers = 0;
  let current: Customer | undefined;
  const ids = [...walks.keys()].map(idToBytes);
  for await (const rows of readRowsOfCustomers(connection, ids)) {
    const ended: Customer[] = [];
    for (const event of rowsToEvents(rows)) {
      const { coupon, data } = event;
      const walk = walks.get(coupon.id);
      if (walk === undefined || !('customer' in data)) continue;
      if (current?.coupon.id !== coupon.id || current.name !== data.customer) {
        if (current !== undefined) ended.push(current);
        current = { coupon, name: data.customer, walk: startCustomerWalk() };
      }
      takeCustomerEvent(walk, current.walk, event);
    }
    await endCustomers(redis, walks, ended, report, suspicions);
  }
  if (current !== undefined) await endCustomers(redis, walks, [current], report, suspicions);
}

/** Counts the holders, and looks in Redis for pieces of these customers that the log does not have. */
async function endCustomers(
  redis: Redis,
  walks: ReadonlyMap<string, CouponWalk>,
  ended: readonly Customer[],
  report: Report,
  suspicions: Suspicions,
): Promise<void> {
  const suspects: Suspect[] = [];
  const verifyHolders = async (walk: CouponWalk, coupon: CouponRef, customers: readonly Customer[]) => {
    const values = await redis.hmget(keys.holders(coupon), ...customers.map(({ name }) => name));
    for (const [place, { name, walk: customer }] of customers.entries()) {
      if (customer.pieces.length > 0) walk.customers = (walk.customers ?? 0) + 1;
      for (const piece of readPieces(values[place])) {
        // A later grab is not in the log yet, or was not when the log was read.
        if (customer.grabs.has(piece.grab) || piece.grab > walk.version) continue;
        const text = `Redis has "${pieceText(piece)}" as a piece of ${name}, which the log does not have`;
        suspects.push({ coupon, subject: eventId(coupon.id, piece.grab), text });
      }
    }
  };
  const byCoupon = groupBy(ended, ({ coupon }) => coupon.id);
  await Promise.all(
    [...byCoupon].map(([id, customers]) => {
      const [walk, first] = [walks.get(id), customers[0]];
      return walk === undefined || first === undefined ? undefined : verifyHolders(walk, first.coupon, customers);
    }),
  );
  await suspect(redis, suspects, report, suspicions);
}
