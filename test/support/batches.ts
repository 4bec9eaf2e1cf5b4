import { setTimeout as sleep } from 'node:timers/promises';
import { type CreateCoupons, createCoupons } from '../../src/commands/batches/createCoupons.ts';
import { type CreateCoupon, createCoupon } from '../../src/commands/createCoupon.ts';
import { allPartitions, keys } from '../../src/infra/keys.ts';
import type { System } from '../../src/system.ts';
import { Unavailable } from '../../src/unavailable.ts';
import { seller } from './testSystem.ts';

type Deps = Parameters<typeof createCoupons>[0];

export const couponNamed = (name: string) => ({ name, amount: 3, stock: 20, description: `${name}!` });

/** When the seller ann creates coupons of these names in one batch. */
export const createBatch = (deps: Deps, names: readonly string[], more: Partial<CreateCoupons> = {}) =>
  createCoupons(deps, seller('ann'), { seller: 'ann', coupons: names.map(couponNamed), ...more });

/** When the seller ann creates one coupon of this name. */
export const createOne = (deps: Deps, name: string, more: Partial<CreateCoupon> = {}) =>
  createCoupon(deps, seller('ann'), { seller: 'ann', ...couponNamed(name), ...more });

/** Repeats the command until it is decided: a 503 says that the client may try again. */
export async function untilDecided<T>(command: () => Promise<T>): Promise<T> {
  const limit = Date.now() + 60_000;
  for (;;) {
    try {
      return await command();
    } catch (error) {
      if (Date.now() > limit) throw error;
      await sleep(20 + Math.random() * 80);
    }
  }
}

/** Resolves when the condition holds. */
export async function eventually(description: string, condition: () => Promise<boolean>): Promise<void> {
  const limit = Date.now() + 60_000;
  while (!(await condition().catch(() => false))) {
    if (Date.now() > limit) throw new Error(`never: ${description}`);
    await sleep(50);
  }
}

export const isUnavailable = (error: unknown) => error instanceof Unavailable;

/** The names of these coupons that exist in Redis. */
export async function existing({ redis }: Pick<System, 'redis'>, names: readonly string[]): Promise<string[]> {
  const found = await Promise.all(names.map((name) => redis.exists(keys.coupon({ seller: 'ann', name }))));
  return names.filter((_, place) => found[place] === 1);
}

/** The names of these coupons that a batch has reserved. */
export async function reserved({ redis }: Pick<System, 'redis'>, names: readonly string[]): Promise<string[]> {
  const found = await Promise.all(names.map((name) => redis.exists(keys.reservation({ seller: 'ann', name }))));
  return names.filter((_, place) => found[place] === 1);
}

/** The batches that are committed and not finished. */
export async function unfinished({ redis }: Pick<System, 'redis'>): Promise<string[]> {
  return (await Promise.all(allPartitions.map((partition) => redis.hkeys(keys.batches(partition))))).flat();
}
