import type { Redis } from 'ioredis';
import { type CouponName, keys } from '../infra/keys.ts';

/** HSCAN keeps Redis busy for half a millisecond with a page of this size. */
const PAGE = 1_000;

export interface Holders {
  count: number;
  /** The names, in pages. A holder who is one from the first page to the last is in one of them. */
  pages: AsyncIterable<readonly string[]>;
}
export type ReadHolders = (coupon: CouponName) => Promise<Holders>;

export const createHoldersReader =
  (redis: Redis): ReadHolders =>
  async (coupon) => {
    const key = keys.holders(coupon);
    const page = (cursor: string) => redis.hscan(key, cursor, 'COUNT', PAGE);
    const [count, first] = await Promise.all([redis.hlen(key), page('0')]);
    return { count, pages: pagesFrom(first, page) };
  };

type Page = [cursor: string, namesAndPieces: string[]];

async function* pagesFrom(first: Page, next: (cursor: string) => Promise<Page>) {
  let [cursor, fields] = first;
  yield namesIn(fields);
  while (cursor !== '0') {
    [cursor, fields] = await next(cursor);
    yield namesIn(fields);
  }
}

const namesIn = (fields: readonly string[]) => fields.filter((_, place) => place % 2 === 0);
