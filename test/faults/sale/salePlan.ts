import { LARGEST_SEED, type Random } from './random.ts';

// Who wants what, in which order: all of it drawn before the sale begins.

export interface Coupon {
  name: string;
  /** Pieces. */
  amount: number;
}

/** One customer at one coupon. */
export interface Visit {
  customer: string;
  coupon: string;
  /** Sent with every try as its Idempotency-Key. */
  key?: string;
  /** Tries after an answer that said nothing. */
  retries: number;
  /** Comes again after a 201, with the same key if there is one, or without any. */
  again: 'no' | 'same' | 'without-key';
}

export interface Plan {
  seller: string;
  coupons: Coupon[];
  visits: Visit[];
  /** A visit by somebody new to a coupon that does not sell out. */
  spare(): Visit;
  /** A coupon to be put up in the middle of the sale, and who is waiting for it. */
  flash(): { coupon: Coupon; visits: Visit[] };
}

// Names that are one for whoever ignores case or accents.
const SCARCE = ['Été', 'été', 'ete', 'ETE', '优惠 券%3', 'скидка'];
const SCARCE_AMOUNT = 40;
const PLENTY: Coupon = { name: 'genug für alle', amount: 1_000 };
const SPARE: Coupon = { name: 'spare', amount: 1_000_000 };
const CUSTOMERS_OF_A_KIND = 80;

/** `label` sets this sale's seller and customers apart from those of every other one. */
export function createPlan(random: Random, label: string): Plan {
  const visit = (customer: string, coupon: string): Visit => {
    const keyed = random.percent(50);
    return {
      customer,
      coupon,
      ...(keyed ? { key: random.int(0, LARGEST_SEED).toString(36) } : {}),
      retries: keyed ? 4 : random.percent(50) ? 2 : 0,
      again: random.percent(80) ? 'no' : random.percent(50) ? 'same' : 'without-key',
    };
  };
  const customers = Array.from({ length: CUSTOMERS_OF_A_KIND }, (_, i) =>
    ['Bob', 'bob', 'bób'].map((name) => `${name}-${i + 1}.${label}`),
  ).flat();
  const coupons = [...SCARCE.map((name) => ({ name, amount: SCARCE_AMOUNT })), PLENTY];
  const routes = customers.map((customer) => random.shuffled(coupons).map(({ name }) => visit(customer, name)));
  // All customers' first coupons, then all their second ones, and so on.
  const rounds = coupons.map((_, turn) => random.shuffled(routes.flatMap((route) => route.slice(turn, turn + 1))));
  let spares = 0;
  let flashes = 0;
  return {
    seller: `ann.${label}`,
    coupons: [...coupons, SPARE],
    visits: rounds.flat(),
    spare: () => visit(`late-${++spares}.${label}`, SPARE.name),
    flash() {
      const coupon = { name: `blitz ${++flashes}`, amount: 3 };
      return {
        coupon,
        visits: random
          .shuffled(customers)
          .slice(0, 5)
          .map((customer) => visit(customer, coupon.name)),
      };
    },
  };
}
