import type { Redis } from 'ioredis';
import type { CouponGrabbed } from '../../src/events.ts';
import { groupBy } from '../../src/infra/groupBy.ts';
import { allPartitions, keys, partitionOf } from '../../src/infra/keys.ts';
import { type Delivery, decodeEntry } from '../../src/infra/outbox.ts';

const ROUND = 512;

/**
 * Replaces the entries of grabs in the outbox by entries as rounds of the line make them: a round has 512 grabs, and those of one
 * partition are one entry. Resolves to their deliveries.
 */
export async function gatherEntries(redis: Redis, grabs: readonly CouponGrabbed[]): Promise<Delivery[]> {
  await redis.del(...allPartitions.map(keys.outbox));
  const gathered: Delivery[] = [];
  for (let done = 0; done < grabs.length; done += ROUND) {
    const entries = groupBy(grabs.slice(done, done + ROUND), ({ coupon }) => partitionOf(coupon));
    for (const [partition, ofPartition] of entries) {
      const fields = fieldsOf(ofPartition);
      const id = (await redis.xadd(keys.outbox(partition), '*', ...fields)) ?? '';
      gathered.push(decodeEntry(partition, [id, fields]));
    }
  }
  return gathered;
}

function fieldsOf(grabs: readonly CouponGrabbed[]): string[] {
  const byCoupon = [...groupBy(grabs, ({ coupon }) => coupon.id).values()];
  const coupons = byCoupon.map((events) => {
    const [first] = events as [CouponGrabbed];
    const { id, seller, name } = first.coupon;
    return [id, seller, name, String(first.version), String(first.data.left), events.length];
  });
  const all = byCoupon.flat();
  const customers = JSON.stringify(all.map(({ data }) => data.customer));
  const codes = all.map(({ data }) => data.code).join('');
  const at = String(grabs[0]?.occurredAt);
  return [
    'type',
    'CouponGrabbed',
    'at',
    at,
    'coupons',
    JSON.stringify(coupons),
    'customers',
    customers,
    'codes',
    codes,
  ];
}
