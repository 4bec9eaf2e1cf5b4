import type { Redis } from 'ioredis';
import { keys, splitCouponPath } from '../infra/keys.ts';
import { ranksOf } from './page.ts';

export interface CustomerCoupon {
  name: string;
  stock: number;
  description: string;
}

/** What a customer has grabbed. */
export async function listCustomerCoupons(redis: Redis, customer: string, page: number): Promise<CustomerCoupon[]> {
  const { first, last } = ranksOf(page);
  const paths = await redis.zrange(keys.customerView(customer), first, String(last));
  return Promise.all(
    paths.map(async (path) => {
      const { seller, name } = splitCouponPath(path);
      const [stock, description] = await redis.hmget(keys.coupon(seller, name), 'stock', 'description');
      if (stock == null) throw new Error(`the view names a coupon that the write model lacks: ${path}`);
      return { name, stock: Number(stock), description: description ?? '' };
    }),
  );
}
