import type { LoadPlan, LoadResult } from '../load/loadPlan.ts';
import { type MeasuredServer, measuredBaseline } from '../testbed/measuredServer.ts';
import { couponPaths, PLENTY, SELLER, type Testbed, USER } from '../testbed/testbed.ts';

/** What is measured, and one line of the report. It prepares the testbed once, then gives a plan for each of its rounds. */
export interface Scenario {
  name: string;
  title: string;
  goals: {
    /** The share of the bare server's requests a second. */
    ratio?: number;
    /** The share of the requests a second of the winning grabs of one coupon, where both are measured. */
    ofOneCoupon?: number;
    /** CPU time of a request, in microseconds. */
    nodeUs?: number;
    redisUs?: number;
    durableP99Ms?: number;
  };
  /** Its grabs win, so the time until each win is in MySQL is measured too. */
  wins?: boolean;
  /** Requests a second; without it, as fast as the answers come. */
  rate?: number;
  /** Starts another server than seckill. */
  startServer?(testbed: Testbed): Promise<MeasuredServer>;
  /** Round 0 is the warm-up, which is not counted. */
  setUp(testbed: Testbed, rounds: number): Promise<(round: number) => LoadPlan>;
  /** Describes wrong answers; undefined if there are none. */
  check(load: LoadResult): string | undefined;
}

/** Customers of a crowd that sends many requests each: after the warm-up, the server has seen their tokens. */
const REGULARS = 2_000;

/** Customers of one round: their tokens take a third of a millisecond each to sign. */
const PROVIDER_CROWD = 10_000;

/** The late crowd, and the holders of the coupon that it wants. The server remembers the tokens of a crowd of this size. */
const CROWD = 100_000;
const HOLDERS = 1_000;

const planFor = (testbed: Testbed, given: Partial<LoadPlan>): LoadPlan => ({
  method: 'PATCH',
  paths: [],
  firstCustomer: 0,
  customers: Math.min(REGULARS, testbed.customers),
  offset: 0,
  ...given,
});

/** Every customer sends one grab and wins: the server has seen neither the token nor the holder before. */
export const winPlan = (testbed: Testbed, paths: string[], offset = 0) =>
  planFor(testbed, { paths, offset, customers: testbed.customers, requests: testbed.customers });

const expectOnly =
  (...expected: string[]) =>
  ({ answered, outcomes }: LoadResult): string | undefined => {
    const good = expected.reduce((sum, outcome) => sum + (outcomes[outcome] ?? 0), 0);
    return good === answered && good > 0 ? undefined : `must be ${expected.join(' or ')}: ${JSON.stringify(outcomes)}`;
  };

/** The scenario that those of many coupons are compared with. */
export const ONE_COUPON = 'win-1';

const winning = (name: string, coupons: number, goals: Scenario['goals'] = {}): Scenario => ({
  name,
  title: `winning grabs, ${coupons.toLocaleString('en')} coupon${coupons === 1 ? '' : 's'}`,
  goals: { ratio: 0.7, redisUs: 20, durableP99Ms: 500, ...goals },
  wins: true,
  async setUp(testbed, rounds) {
    // With one coupon, each round has a new one. With many, each customer takes another one in each round.
    const paths = await testbed.createCoupons(name, coupons === 1 ? rounds + 1 : coupons, PLENTY);
    return (round) =>
      coupons === 1 ? winPlan(testbed, paths.slice(round, round + 1)) : winPlan(testbed, paths, round);
  },
  check: expectOnly('201 grabbed'),
});

/** Winning grabs of one coupon on a simpler design. */
function baselineScenario(name: string, title: string, file: string): Scenario {
  let create: (coupon: string) => Promise<void> = async () => {};
  return {
    name,
    title: `instead: ${title}`,
    goals: {},
    async startServer(testbed) {
      const { child, url } = await testbed.startBaseline(`bench/baselines/${file}`);
      create = (coupon) => child.call('create', { coupon, amount: PLENTY });
      return measuredBaseline(testbed, child, url);
    },
    async setUp(testbed, rounds) {
      const paths = couponPaths(name, rounds + 1);
      for (const [i] of paths.entries()) await create(`${SELLER}/${name}-${i}`);
      return (round) => winPlan(testbed, paths.slice(round, round + 1));
    },
    check: expectOnly('201 grabbed'),
  };
}

export const scenarios: Scenario[] = [
  winning(ONE_COUPON, 1, { nodeUs: 75 }),
  {
    name: 'win-rs256',
    title: 'winning grabs, tokens of an identity provider (RS256)',
    goals: { redisUs: 20, durableP99Ms: 500 },
    wins: true,
    async setUp(testbed, rounds) {
      const paths = await testbed.createCoupons('rs256', rounds + 1, PLENTY);
      const customers = Math.min(PROVIDER_CROWD, testbed.customers);
      await testbed.issueProviderTokens(customers * (rounds + 1));
      // Each round has customers of its own: the server has seen none of the tokens.
      return (round) => ({
        ...planFor(testbed, { paths: paths.slice(round, round + 1), firstCustomer: round * customers, customers }),
        requests: customers,
        ofProvider: true,
      });
    },
    check: expectOnly('201 grabbed'),
  },
  winning('win-100', 100, { ofOneCoupon: 0.9 }),
  winning('win-10000', 10_000, { ofOneCoupon: 0.75 }),
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
    async setUp(testbed) {
      const paths = await testbed.createCoupons('sold-out', 1, 1);
      await testbed.expectOutcome('201 grabbed', planFor(testbed, { paths, customers: 1, requests: 1 }));
      return () => planFor(testbed, { paths, firstCustomer: 1, customers: Math.min(REGULARS, testbed.customers - 1) });
    },
    check: expectOnly('204 sold-out'),
  },
  {
    name: 'late-crowd',
    title: 'a crowd that comes too late, each customer once',
    goals: { ratio: 0.45 },
    async setUp(testbed) {
      const paths = await testbed.createCoupons('late', 1, HOLDERS);
      await testbed.expectOutcome('201 grabbed', planFor(testbed, { paths, customers: HOLDERS, requests: HOLDERS }));
      const customers = Math.min(CROWD, testbed.customers) - HOLDERS;
      const crowd = planFor(testbed, { paths, firstCustomer: HOLDERS, customers, requests: customers });
      // The server sees each token once before it is measured, as at a log-in.
      await testbed.expectOutcome('204 sold-out', crowd);
      return () => crowd;
    },
    check: expectOnly('204 sold-out'),
  },
  {
    name: 'not-started',
    title: 'a crowd that waits for the start, each customer once',
    goals: {},
    async setUp(testbed) {
      const paths = await testbed.createCoupons('tomorrow', 1, PLENTY, { startsAt: Date.now() + 86_400_000 });
      return () => winPlan(testbed, paths);
    },
    check: expectOnly('204 not-started'),
  },
  {
    name: 'no-such-coupon',
    title: 'a crowd that wants a coupon that does not exist, each customer once',
    goals: {},
    setUp: async (testbed) => () => winPlan(testbed, couponPaths('never', 1)),
    check: expectOnly('204 no-such-coupon'),
  },
  {
    name: 'already-grabbed',
    title: 'already-grabbed flood',
    goals: {},
    async setUp(testbed) {
      const paths = await testbed.createCoupons('held', 1, PLENTY);
      const plan = planFor(testbed, { paths });
      await testbed.expectOutcome('201 grabbed', { ...plan, requests: plan.customers });
      return () => plan;
    },
    check: expectOnly('204 already-grabbed'),
  },
  {
    name: 'mixed',
    title: 'mixed sale, 1 % win',
    goals: { ratio: 0.4 },
    wins: true,
    async setUp(testbed, rounds) {
      const [soldOut = ''] = await testbed.createCoupons('gone', 1, 1);
      await testbed.expectOutcome('201 grabbed', planFor(testbed, { paths: [soldOut], customers: 1, requests: 1 }));
      const open = await testbed.createCoupons('open', rounds + 1, PLENTY);
      const paths = (round: number) => [open[round] ?? '', ...Array.from({ length: 99 }, () => soldOut)];
      // A multiple of the number of paths: when all have come, each comes again for another coupon.
      const customers = 100 * Math.floor((testbed.customers - 1) / 100);
      return (round) => planFor(testbed, { paths: paths(round), firstCustomer: 1, customers });
    },
    check: expectOnly('204 sold-out', '201 grabbed'),
  },
  {
    name: 'own-list',
    title: "a customer's own list of 5",
    goals: { ratio: 0.45 },
    async setUp(testbed) {
      const paths = await testbed.createCoupons('listed', 5, PLENTY);
      const { customers } = planFor(testbed, {});
      // The last customers, since the other scenarios seldom come to them: their grabs would make the lists longer.
      const firstCustomer = testbed.customers - customers;
      const requests = 5 * customers;
      await testbed.expectOutcome('201 grabbed', planFor(testbed, { paths, firstCustomer, requests }));
      return () => planFor(testbed, { method: 'GET', firstCustomer, paths: ['/api/users/{customer}/coupons'] });
    },
    check: expectOnly('200'),
  },
  {
    name: 'seller-list',
    title: "a seller's list of 20",
    goals: { ratio: 0.45 },
    async setUp(testbed) {
      // Enough coupons for a full first page, even if no other scenario has created any.
      await testbed.createCoupons('offered', 20, PLENTY);
      return () => planFor(testbed, { method: 'GET', paths: [`/api/users/${SELLER}/coupons`] });
    },
    check: expectOnly('200'),
  },
  {
    name: 'seller-pages',
    title: "a seller's 10,000 coupons, a different page in each request",
    goals: {},
    async setUp(testbed) {
      await testbed.createCoupons('paged', 10_000, PLENTY);
      const paths = Array.from({ length: 500 }, (_, page) => `/api/users/${SELLER}/coupons?page=${page + 1}`);
      return () => planFor(testbed, { method: 'GET', paths });
    },
    check: expectOnly('200'),
  },
  {
    name: 'login',
    title: 'log-in',
    goals: {},
    async setUp(testbed) {
      const { username, password } = USER;
      const json = JSON.stringify({ username, password });
      return () => planFor(testbed, { method: 'POST', paths: ['/api/auth'], token: 'none', json });
    },
    check: expectOnly('200'),
  },
  baselineScenario('for-update', 'SELECT ... FOR UPDATE, one transaction a grab', 'forUpdate.ts'),
  baselineScenario('conditional-update', 'one conditional UPDATE, one transaction a grab', 'conditionalUpdate.ts'),
  baselineScenario('script-per-request', 'one script call a grab, queue in memory', 'scriptPerRequest.ts'),
];
