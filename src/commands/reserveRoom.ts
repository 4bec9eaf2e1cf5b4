import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { keys, partitionOf } from '../infra/keys.ts';
import { runScript } from '../infra/scripts.ts';
import { Unavailable } from '../unavailable.ts';
import { type DecisionDeps, mustBeAbleToDecide } from './decision.ts';

/**
 * Longer than it takes until a new coupon is in the view of its seller, even if its process dies and another one finishes its batch. A
 * reservation whose coupon was never created ends by this time.
 */
const RESERVATION_SECONDS = '3600';
/** More than one request can reserve, so that reservations of existing coupons do not pile up. */
const SWEPT = '200';

const replySchema = z.tuple([z.enum(['reserved', 'full', 'busy'])]);

/**
 * Reserves room for new coupons of a seller, so that all processes together never create more than `couponsPerSeller`. This needs its own
 * script call: the coupons of a seller are in several partitions, so a script that creates a coupon cannot count them. 'full': the seller
 * would have too many. Otherwise the function that releases the room again, for a request that will create none of the coupons.
 */
export async function reserveRoom(
  deps: DecisionDeps,
  seller: string,
  names: readonly string[],
): Promise<(() => Promise<void>) | 'full'> {
  for (const name of names) mustBeAbleToDecide(deps, partitionOf({ seller, name }));
  const { redis, quotas } = deps;
  const [reservation, distinct] = [randomUUID(), [...new Set(names)]];
  const room = keys.room(seller);
  const args = [String(quotas.couponsPerSeller), reservation, RESERVATION_SECONDS, SWEPT, ...distinct];
  const [status] = replySchema.parse(await runScript(redis, 'reserveRoom', [keys.sellerView(seller), room], args));
  if (status === 'full') return 'full';
  if (status === 'busy') throw new Unavailable('other coupons of this seller are being created');
  return async () => {
    await redis.zrem(room, ...distinct.map((name) => `${reservation} ${name}`));
  };
}
