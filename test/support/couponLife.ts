import { changeTerms } from '../../src/commands/changes/changeTerms.ts';
import { closeCoupon } from '../../src/commands/changes/closeCoupon.ts';
import { pauseCoupon } from '../../src/commands/changes/pauseCoupon.ts';
import { restockCoupon } from '../../src/commands/changes/restockCoupon.ts';
import { resumeCoupon } from '../../src/commands/changes/resumeCoupon.ts';
import { type CreateCoupon, createCoupon } from '../../src/commands/createCoupon.ts';
import { grabCoupon } from '../../src/commands/grabCoupon.ts';
import { redeemCode } from '../../src/commands/pieces/redeemCode.ts';
import { releaseGrab } from '../../src/commands/pieces/releaseGrab.ts';
import { undoRedemption } from '../../src/commands/pieces/undoRedemption.ts';
import type { TermsChange } from '../../src/coupon/decide.ts';
import type { CouponName } from '../../src/infra/keys.ts';
import type { System } from '../../src/system.ts';
import { customer, seller } from './testSystem.ts';

// Given what happened in the life of a coupon: each of these commands must succeed.

type Limits = Omit<Partial<CreateCoupon>, keyof CouponName>;

/** All commands come with the idempotency key, if there is one. */
export function lifeOf(system: System, { seller: of, name }: CouponName, idempotencyKey = '') {
  const owner = seller(of);
  const coupon = { seller: of, name, idempotencyKey };
  const must = <T>(result: T, outcome: unknown, expected: string): T => {
    if (outcome !== expected) throw new Error(`${JSON.stringify(coupon)}: ${outcome} instead of ${expected}`);
    return result;
  };
  const changed = async (result: Promise<string>) => void must(undefined, await result, 'changed');
  return {
    async create(amount: number, limits: Limits = {}) {
      const terms = { amount, stock: 5, description: `${name}!`, ...limits };
      must(undefined, await createCoupon(system, owner, { ...coupon, ...terms }), 'created');
    },
    /** Resolves to the code. */
    async grab(by: string): Promise<string> {
      const result = await grabCoupon(system, customer(by), coupon);
      return result.outcome === 'grabbed' ? result.code : must('', result.outcome, 'grabbed');
    },
    async release(by: string, code?: string) {
      must(undefined, await releaseGrab(system, customer(by), { ...coupon, customer: by, code }), 'released');
    },
    async redeem(code: string) {
      const { result } = await redeemCode(system, owner, { seller: of, code, idempotencyKey });
      must(undefined, result, 'redeemed');
    },
    async undo(code: string) {
      const { result } = await undoRedemption(system, owner, { seller: of, code, idempotencyKey });
      must(undefined, result, 'undone');
    },
    restock: (amount: number) => changed(restockCoupon(system, owner, { ...coupon, amount })),
    pause: () => changed(pauseCoupon(system, owner, coupon)),
    resume: () => changed(resumeCoupon(system, owner, coupon)),
    close: () => changed(closeCoupon(system, owner, coupon)),
    change: (terms: TermsChange) => changed(changeTerms(system, owner, { ...coupon, terms })),
  };
}
