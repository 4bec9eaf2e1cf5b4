import type { Load, Plan } from '../load/loadPlan.ts';
import { baseline, type Target } from '../testbed/measuredServer.ts';
import { couponPaths, SELLER, type Stage, USER } from '../testbed/testbed.ts';

// What is measured. A row sets the stage once, then gives a plan for each of its rounds.

export interface Row {
  name: string;
  title: string;
  goals: { ratio?: number; redisUs?: number; durableP99Ms?: number };
  /** Wins: how long each takes to be in MySQL is measured too. */
  wins?: boolean;
  /** Requests a second; as fast as the answers come where absent. */
  rate?: number;
  /** Another server than ours. */
  target?(stage: Stage): Promise<Target>;
  /** Round 0 is not counted: it warms up. */
  setUp(stage: Stage, rounds: number): Promise<(round: number) => Plan>;
  /** What is wrong with the answers; undefined when they are as they must be. */
  check(load: Load): string | undefined;
}

export const MANY = 1_000_000_000;
/** A crowd that comes again and again: its tokens are known by then. */
const REGULARS = 2_000;

const plan = (stage: Stage, given: Partial<Plan>): Plan => ({
  method: 'PATCH',
  paths: [],
  firstCustomer: 0,
  customers: Math.min(REGULARS, stage.customers),
  offset: 0,
  ...given,
});

/** Every customer comes once and wins: neither the token nor the holder has been seen before. */
export const winPlan = (stage: Stage, paths: string[], offset = 0) =>
  plan(stage, { paths, offset, customers: stage.customers, requests: stage.customers });

const all =
  (...expected: string[]) =>
  ({ answered, outcomes }: Load): string | undefined => {
    const good = expected.reduce((sum, outcome) => sum + (outcomes[outcome] ?? 0), 0);
    return good === answered && good > 0 ? undefined : `must be ${expected.join(' or ')}: ${JSON.stringify(outcomes)}`;
  };

const winning = (name: string, coupons: number): Row => ({
  name,
  title: `winning grabs, ${coupons.toLocaleString('en')} coupon${coupons === 1 ? '' : 's'}`,
  goals: { ratio: 0.7, redisUs: 6, durableP99Ms: 500 },
  wins: true,
  async setUp(stage, rounds) {
    // One coupon is a new one each round; of many, each customer takes the next.
    const paths = await stage.createCoupons(name, coupons === 1 ? rounds + 1 : coupons, MANY);
    return (round) => (coupons === 1 ? winPlan(stage, paths.slice(round, round + 1)) : winPlan(stage, paths, round));
  },
  check: all('201 grabbed'),
});

/** Winning grabs of one coupon on what a user might build instead. */
function baselineRow(name: string, title: string, file: string): Row {
  let put: (coupon: string) => Promise<void> = async () => {};
  return {
    name,
    title: `instead: ${title}`,
    goals: {},
    async target(stage) {
      const { child, url } = await stage.startBaseline(`bench/baselines/${file}`);
      put = (coupon) => child.ask('create', { coupon, amount: MANY });
      return baseline(stage, child, url);
    },
    async setUp(stage, rounds) {
      const paths = couponPaths(name, rounds + 1);
      for (const [i] of paths.entries()) await put(`${SELLER}/${name}-${i}`);
      return (round) => winPlan(stage, paths.slice(round, round + 1));
    },
    check: all('201 grabbed'),
  };
}

export const rows: Row[] = [
  winning('win-1', 1),
  winning('win-100', 100),
  winning('win-10000', 10_000),
  {
    ...winning('win-paced', 100),
    title: 'winning grabs, 1,000 a second',
    goals: { durableP99Ms: 50 },
    rate: 1_000,
  },
  {
    name: 'sold-out',
    title: 'sold-out flood',
    goals: { ratio: 0.75 },
    async setUp(stage) {
      const paths = await stage.createCoupons('sold-out', 1, 1);
      await stage.mustAnswer('201 grabbed', plan(stage, { paths, customers: 1, requests: 1 }));
      return () => plan(stage, { paths, firstCustomer: 1, customers: Math.min(REGULARS, stage.customers - 1) });
    },
    check: all('204 sold-out'),
  },
  {
    name: 'already-grabbed',
    title: 'already-grabbed flood',
    goals: {},
    async setUp(stage) {
      const paths = await stage.createCoupons('held', 1, MANY);
      const again = plan(stage, { paths });
      await stage.mustAnswer('201 grabbed', { ...again, requests: again.customers });
      return () => again;
    },
    check: all('204 already-grabbed'),
  },
  {
    name: 'mixed',
    title: 'mixed sale, 1 % win',
    goals: {},
    wins: true,
    async setUp(stage, rounds) {
      const [gone = ''] = await stage.createCoupons('gone', 1, 1);
      await stage.mustAnswer('201 grabbed', plan(stage, { paths: [gone], customers: 1, requests: 1 }));
      const open = await stage.createCoupons('open', rounds + 1, MANY);
      const paths = (round: number) => [open[round] ?? '', ...Array.from({ length: 99 }, () => gone)];
      return (round) => plan(stage, { paths: paths(round), firstCustomer: 1, customers: stage.customers - 1 });
    },
    check: all('204 sold-out', '201 grabbed'),
  },
  {
    name: 'own-list',
    title: "a customer's own list of 5",
    goals: { ratio: 0.45 },
    async setUp(stage) {
      const paths = await stage.createCoupons('listed', 5, MANY);
      const grabs = plan(stage, { paths });
      await stage.mustAnswer('201 grabbed', { ...grabs, requests: 5 * grabs.customers });
      return () => plan(stage, { method: 'GET', paths: ['/api/users/{customer}/coupons'] });
    },
    check: all('200'),
  },
  {
    name: 'seller-list',
    title: "a seller's list of 20",
    goals: {},
    async setUp(stage) {
      // The first page of a seller is full whatever the other rows have put up.
      await stage.createCoupons('offered', 20, MANY);
      return () => plan(stage, { method: 'GET', paths: [`/api/users/${SELLER}/coupons`] });
    },
    check: all('200'),
  },
  {
    name: 'login',
    title: 'log-in',
    goals: {},
    async setUp(stage) {
      const { username, password } = USER;
      const json = JSON.stringify({ username, password });
      return () => plan(stage, { method: 'POST', paths: ['/api/auth'], token: 'none', json });
    },
    check: all('200'),
  },
  baselineRow('for-update', 'SELECT ... FOR UPDATE, one transaction a grab', 'forUpdate.ts'),
  baselineRow('conditional-update', 'one conditional UPDATE, one transaction a grab', 'conditionalUpdate.ts'),
  baselineRow('script-per-request', 'one script call a grab, queue in memory', 'scriptPerRequest.ts'),
];
