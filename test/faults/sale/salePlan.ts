import type { Command } from '../records/requestHistory.ts';
import { LARGEST_SEED, type Random } from './random.ts';

// Which customer grabs which coupon, and in which order. Everything is drawn before the sale begins.

export interface Coupon {
  name: string;
  /** Pieces. */
  amount: number;
  perCustomer?: number;
  /** Limits at the creation; times in microseconds since 1970. */
  terms?: NonNullable<Command['terms']>;
}

/** One request that creates these coupons. */
export function creationOf({ name, ...limits }: Coupon, others: readonly Coupon[] = []): Command {
  const creation: Command = { op: 'create', coupon: name, ...limits };
  return others.length === 0 ? creation : { ...creation, others: others.map((other) => creationOf(other)) };
}

/** One customer wants a piece of one coupon. */
export interface GrabIntent {
  customer: string;
  coupon: string;
  /** The Idempotency-Key of every request for this intent. */
  key?: string;
  /** Retries after an unknown outcome. */
  retries: number;
  /** Whether a 201 is followed by another request: the same one, or one without the key. */
  repeatAfterWin: 'no' | 'same' | 'without-key';
}

export interface SalePlan {
  seller: string;
  /** Makes the names of this sale's seller and customers unique. */
  label: string;
  coupons: Coupon[];
  intents: GrabIntent[];
  /** Whether the changes of a coupon's life go to one application alone. */
  oneDesk: boolean;
  /** A new customer wants a coupon that does not sell out. */
  extraIntent(): GrabIntent;
  /** A coupon that is created in the middle of the sale, the customers who wait for it, and others who come when it is sold out. */
  flashCoupon(): { coupon: Coupon; intents: GrabIntent[]; lateCrowd: string[] };
}

// Some of these names are equal to code that ignores case or accents.
const SCARCE = ['Été', 'été', 'ete', 'ETE', '优惠 券%3', 'скидка'];
const SCARCE_AMOUNT = 40;
const PLENTIFUL: Coupon = { name: 'genug für alle', amount: 1_000 };
const EXTRA: Coupon = { name: 'spare', amount: 1_000_000 };
const CUSTOMERS_PER_SPELLING = 80;
/** Few pieces for many requests: their sellers and customers use every command, see life.ts. */
export const livelyCoupons: readonly Coupon[] = [
  { name: 'retour', amount: 6 },
  { name: 'dreimal', amount: 9, perCustomer: 3 },
  { name: 'дважды', amount: 12, perCustomer: 2 },
];

export function createSalePlan(random: Random, label: string): SalePlan {
  const intent = (customer: string, coupon: string): GrabIntent => {
    const keyed = random.percent(50);
    return {
      customer,
      coupon,
      ...(keyed ? { key: random.int(0, LARGEST_SEED).toString(36) } : {}),
      retries: keyed ? 4 : random.percent(50) ? 2 : 0,
      repeatAfterWin: random.percent(80) ? 'no' : random.percent(50) ? 'same' : 'without-key',
    };
  };
  const customers = Array.from({ length: CUSTOMERS_PER_SPELLING }, (_, i) =>
    ['Bob', 'bob', 'bób'].map((name) => `${name}-${i + 1}.${label}`),
  ).flat();
  const coupons = [...SCARCE.map((name) => ({ name, amount: SCARCE_AMOUNT })), PLENTIFUL];
  const byCustomer = customers.map((customer) => random.shuffled(coupons).map(({ name }) => intent(customer, name)));
  // The first coupon of every customer, then the second coupon of every customer, and so on.
  const byTurn = coupons.map((_, turn) =>
    random.shuffled(byCustomer.flatMap((intents) => intents.slice(turn, turn + 1))),
  );
  let extraCustomers = 0;
  let flashCoupons = 0;
  return {
    seller: `ann.${label}`,
    label,
    coupons: [...coupons, EXTRA, ...livelyCoupons],
    intents: byTurn.flat(),
    oneDesk: random.percent(75),
    extraIntent: () => intent(`late-${++extraCustomers}.${label}`, EXTRA.name),
    flashCoupon() {
      const coupon = { name: `blitz ${++flashCoupons}`, amount: 3 };
      return {
        coupon,
        intents: random
          .shuffled(customers)
          .slice(0, 5)
          .map((customer) => intent(customer, coupon.name)),
        lateCrowd: [1, 2, 3].map((i) => `too-late-${flashCoupons}-${i}.${label}`),
      };
    },
  };
}
