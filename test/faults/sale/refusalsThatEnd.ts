import { setTimeout as sleep } from 'node:timers/promises';
import { REMEMBERED_MS } from '../checker/checkRefusals.ts';
import type { Command } from '../records/requestHistory.ts';
import type { App } from '../stack/applications.ts';
import type { LifeDeps } from './life.ts';
import { type Coupon, creationOf } from './salePlan.ts';

// A process may repeat a refusal for less than a second. Here each refusal is repeated by one process, its reason goes by a change
// that another process decides, and the same customer comes again when the repetition must be over. The coupons of the other parts of
// the sale change too often for that: there, a refusal that is too old was mostly true at some moment of the last second.

/** Longer than the checker accepts that a refusal is repeated. */
const REPETITION_ENDS_AFTER_MS = REMEMBERED_MS + 300;
/** Redis decides the first one, and the process may repeat its refusal for the others. */
const GRABS_BEFORE_CHANGE = 3;
const FAR_MS = 300_000;

type Change = Pick<Command, 'op' | 'amount' | 'terms' | 'customer'>;

interface Course {
  refusal: string;
  amount: number;
  terms?: (now: number) => Coupon['terms'];
  /** The command that gives the refusal its reason, if the creation does not. */
  reason?: (customer: string, other: string) => Change;
  /** The command that takes the reason away; without it, the creation does. */
  change?: (customer: string) => Change;
}

const courses: readonly Course[] = [
  { refusal: 'no-such-coupon', amount: 5 },
  { refusal: 'paused', amount: 5, reason: () => ({ op: 'pause' }), change: () => ({ op: 'resume' }) },
  {
    refusal: 'sold-out',
    amount: 1,
    reason: (_, other) => ({ op: 'grab', customer: other }),
    change: () => ({ op: 'restock', amount: 5 }),
  },
  {
    refusal: 'already-grabbed',
    amount: 5,
    reason: (customer) => ({ op: 'grab', customer }),
    change: (customer) => ({ op: 'release', customer }),
  },
  {
    refusal: 'not-started',
    amount: 5,
    terms: (now) => ({ startsAt: (now + FAR_MS) * 1_000 }),
    change: () => ({ op: 'change', terms: { startsAt: null } }),
  },
  {
    refusal: 'ended',
    amount: 5,
    terms: (now) => ({ startsAt: (now - FAR_MS) * 1_000, endsAt: (now - FAR_MS / 2) * 1_000 }),
    change: () => ({ op: 'change', terms: { endsAt: null } }),
  },
];

/** Resolves when the sale is over and the courses that were begun have ended: one round of them at least. */
export async function runRefusalsThatEnd(deps: LifeDeps): Promise<void> {
  const { random, listeningApps, isOver } = deps;
  let count = 0;
  do {
    count++;
    const [repeating, other] = random.shuffled(listeningApps());
    if (repeating === undefined) await sleep(REPETITION_ENDS_AFTER_MS);
    else await Promise.all(courses.map((course) => runCourse(deps, course, count, repeating, other ?? repeating)));
  } while (!isOver());
}

async function runCourse(
  { client, label }: LifeDeps,
  { refusal, amount, terms, reason, change }: Course,
  count: number,
  repeating: App,
  changing: App,
): Promise<void> {
  const coupon = `vorbei ${count} ${refusal}`;
  const [customer, other] = [`Ida.${label}`, `Otto.${label}`];
  const creation = creationOf({ name: coupon, amount, terms: terms?.(Date.now()) ?? {} });
  const causes = reason === undefined ? [creation] : [creation, { coupon, ...reason(customer, other) }];
  const [before, end] = change === undefined ? [[], creation] : [causes, { coupon, ...change(customer) }];
  const grab = () => client.send(repeating, { op: 'grab', customer, coupon });

  for (const command of before) await client.send(changing, command);
  for (let grabs = 0; grabs < GRABS_BEFORE_CHANGE; grabs++) await grab();
  await client.send(changing, end);
  await sleep(REPETITION_ENDS_AFTER_MS);
  await grab();
}
