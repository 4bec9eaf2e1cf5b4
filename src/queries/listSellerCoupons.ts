import type { Redis } from 'ioredis';
import { keys } from '../infra/keys.ts';
import { ranksOf } from './page.ts';
import { readCoupons } from './readCoupons.ts';

export interface SellerCoupon {
  name: string;
  /** Face value. */
  stock: number;
  description: string;
  /** Pieces at the creation. */
  amount: number;
  /** Pieces left. */
  left: number;
}

/** One page of the coupons that a seller offers. `left` comes from the write model, so it is as of this moment. */
export async function listSellerCoupons(
  { redis }: { redis: Redis },
  seller: string,
  page: number,
): Promise<SellerCoupon[]> {
  const { first, last } = ranksOf(page);
  const names = await redis.zrange(keys.sellerView(seller), first, String(last));
  const coupons = names.map((name) => ({ seller, name }));
  const read = await readCoupons(redis, coupons, ['left', 'amount', 'stock', 'description']);
  return read.map(({ left, amount, stock, description }, place) => ({
    name: names[place] ?? '',
    stock: Number(stock),
    description,
    amount: Number(amount),
    left: Number(left),
  }));
}
