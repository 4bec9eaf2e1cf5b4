import type { Redis } from 'ioredis';
import { keys } from '../infra/keys.ts';
import { ranksOf } from './page.ts';

export interface SellerCoupon {
  name: string;
  stock: number;
  description: string;
  amount: number;
  left: number;
}

/** What a seller offers; `left` comes from the write model, so it is as of this moment. */
export async function listSellerCoupons(redis: Redis, seller: string, page: number): Promise<SellerCoupon[]> {
  const { first, last } = ranksOf(page);
  const names = await redis.zrange(keys.sellerView(seller), first, String(last));
  return Promise.all(
    names.map(async (name) => {
      const fields = await redis.hmget(keys.coupon(seller, name), 'stock', 'description', 'amount', 'left');
      const [stock, description, amount, left] = fields;
      if (left == null) throw new Error(`the view names a coupon that the write model lacks: ${seller}/${name}`);
      return { name, stock: Number(stock), description: description ?? '', amount: Number(amount), left: Number(left) };
    }),
  );
}
