import type { Redis } from 'ioredis';
import { createLRU } from 'lru.min';
import type { Gate } from '../../infra/gate.ts';
import { keys, partitionOf } from '../../infra/keys.ts';
import { ranksOf } from '../page.ts';
import { requireAll } from '../readCoupons.ts';
import { createCouponReads, type ReadCoupon, type WantedCoupon } from './couponReads.ts';
import {
  type SellerCoupon,
  type SellerCouponFields,
  sellerCoupon,
  sellerCouponFields,
  statusIn,
} from './sellerCoupon.ts';
import { createSharedReads } from './sharedReads.ts';

/** Limits the memory to some 30 MB. A coupon with a longer description is not remembered. */
const MAX_PAGES = 1_000;
const MAX_DESCRIPTION = 500;

/** Reads coupons as they are in the write model at this moment. Throws when the write model lacks one of them. */
export interface SellerPages {
  /** One page of the coupons that a seller offers, oldest first. Requests that share a read get the same array. */
  read(seller: string, page: number): Promise<readonly SellerCoupon[]>;
  /** Coupons of one seller, in the order of the names. */
  readNamed(seller: string, names: readonly string[]): Promise<readonly SellerCoupon[]>;
}

/** A coupon on a page, as its last read found it. */
interface Listed extends WantedCoupon {
  seller: string;
  name: string;
  found: { fields: SellerCouponFields; coupon: SellerCoupon } | undefined;
  /** The count of the gate's shuts before that read. */
  shuts: number;
}

/**
 * Reads a page in one round trip: its names, and at the same time the coupons that were on it at the last read, as far as they have
 * changed since then. If the page has other coupons now, these are read afterwards. The answer does not depend on what is
 * remembered: a coupon with the same version is the same. Only a replaced Redis may have another coupon with this version, and
 * replacing Redis shuts the gate.
 */
export function createSellerPages({ redis, gate }: { redis: Redis; gate: Gate }): SellerPages {
  const share = createSharedReads<readonly SellerCoupon[]>();
  const readCoupons = createCouponReads(redis);
  const pages = createLRU<string, readonly Listed[]>({ max: MAX_PAGES });

  const readAll = async (listed: readonly Listed[]) => {
    const shuts = gate.shuts();
    for (const coupon of listed) if (coupon.shuts !== shuts) coupon.version = '';
    const read = await readCoupons(listed);
    return listed.map((coupon, place) => asRead(coupon, read[place], shuts));
  };

  const readPage = async (key: string, seller: string, page: number) => {
    // A read that waits for the one before is sent later than its requests have arrived.
    gate.mustBeOpen();
    const { first, last } = ranksOf(page);
    const expected = pages.get(key) ?? [];
    const [names, coupons] = await Promise.all([
      redis.zrange(keys.sellerView(seller), first, String(last)),
      readAll(expected),
    ]);
    if (names.length === 0) return [];
    if (isSame(names, expected)) return requireAll(expected, coupons);
    const listed = names.map((name) => listedCoupon(seller, name));
    pages.set(key, listed);
    return requireAll(listed, await readAll(listed));
  };
  return {
    read(seller, page) {
      const key = `${page} ${seller}`;
      return share(key, () => readPage(key, seller, page));
    },
    async readNamed(seller, names) {
      const listed = names.map((name) => listedCoupon(seller, name));
      return requireAll(listed, await readAll(listed));
    },
  };
}

function listedCoupon(seller: string, name: string): Listed {
  const coupon = { seller, name };
  return {
    ...coupon,
    key: keys.coupon(coupon),
    partition: partitionOf(coupon),
    version: '',
    found: undefined,
    shuts: 0,
  };
}

const isSame = (names: readonly string[], listed: readonly Listed[]) =>
  names.length === listed.length && names.every((name, place) => name === listed[place]?.name);

/** The coupon that a read has found, which is remembered for the next read; undefined if the coupon does not exist. */
function asRead(listed: Listed, read: ReadCoupon | undefined, shuts: number): SellerCoupon | undefined {
  if (read?.values === undefined) return undefined;
  const { values, now } = read;
  if (values === 'unchanged') return withStatus(listed, now);
  const fields = Object.fromEntries(
    sellerCouponFields.map((field, place) => [field, values[place] ?? '']),
  ) as SellerCouponFields;
  const coupon = sellerCoupon(listed.name, fields, now);
  const isRemembered = fields.description.length <= MAX_DESCRIPTION;
  listed.version = isRemembered ? fields.version : '';
  listed.found = isRemembered ? { fields, coupon } : undefined;
  listed.shuts = shuts;
  return coupon;
}

/** The remembered coupon with its status at `now`. */
function withStatus({ found, key }: Listed, now: number): SellerCoupon {
  if (found === undefined) throw new Error(`${key} has no version`);
  const status = statusIn(found.fields, now);
  if (status !== found.coupon.status) found.coupon = { ...found.coupon, status };
  return found.coupon;
}
