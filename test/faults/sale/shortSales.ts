import { setTimeout as sleep } from 'node:timers/promises';
import type { Command } from '../records/requestHistory.ts';
import { carryOut, type LifeDeps } from './life.ts';
import { type Coupon, creationOf } from './salePlan.ts';

// Coupons that are created in the middle of the sale, alone or several at once, open and end by the clock of Redis, and are closed. A few customers grab all the
// time: before the start, at both edges, and after the end.

const EVERY_MS = 300;
const CUSTOMERS = 6;
/** Customers grab for this long after the end of the sale. */
const AFTER_END_MS = 200;

/** Resolves when the sale is over. */
export async function runShortSales(deps: LifeDeps): Promise<void> {
  const { random, isOver } = deps;
  for (let count = 1; !isOver(); count++) {
    const startsAt = Date.now() + random.int(80, 300);
    const endsAt = startsAt + random.int(150, 500);
    const names = Array.from({ length: random.percent(50) ? random.int(2, 5) : 1 }, (_, i) => `kurz ${count}.${i}`);
    const coupons = names.map(
      (name): Coupon => ({
        name,
        amount: random.int(2, 30),
        perCustomer: random.int(1, 3),
        terms: { startsAt: startsAt * 1_000, endsAt: endsAt * 1_000 },
      }),
    );
    const [first, ...others] = coupons;
    if (first === undefined) return;
    const creation = carryOut(deps, creationOf(first, others));
    if (random.percent(50)) await creation;
    await Promise.all([
      creation,
      ...Array.from({ length: CUSTOMERS }, (_, i) => crowd(deps, names, i, endsAt + AFTER_END_MS)),
      runSeller(deps, random.pick(names), startsAt, endsAt),
    ]);
    await sleep(EVERY_MS);
  }
}

async function crowd(deps: LifeDeps, coupons: readonly string[], number: number, until: number): Promise<void> {
  const { label, random, isOver } = deps;
  // Two clients for each customer.
  const customer = `Nils-${(number >> 1) + 1}.${label}`;
  while (!isOver() && Date.now() < until) {
    const coupon = random.pick(coupons);
    const request = await carryOut(deps, { op: 'grab', customer, coupon });
    if (request?.wonCode !== undefined && random.percent(40))
      await carryOut(deps, { op: 'release', customer, coupon, code: request.wonCode });
    await sleep(random.int(5, 40));
  }
}

/** One course of events, drawn for each coupon. */
async function runSeller(deps: LifeDeps, coupon: string, startsAt: number, endsAt: number): Promise<void> {
  const { random } = deps;
  const until = async (at: number) => sleep(Math.max(0, at - Date.now()));
  const carry = (command: Pick<Command, 'op' | 'amount' | 'terms'>) => carryOut(deps, { coupon, ...command });
  const middle = (startsAt + endsAt) / 2;
  switch (random.int(1, 5)) {
    case 1:
      await carry({ op: 'change', terms: { startsAt: (Date.now() + 20) * 1_000 } });
      break;
    case 2:
      await until(startsAt + 30);
      await carry({ op: 'pause' });
      await until(middle);
      await carry({ op: 'resume' });
      break;
    case 3:
      await until(endsAt - 20);
      await carry({ op: 'change', terms: { endsAt: (Date.now() + 150) * 1_000 } });
      break;
    case 4:
      await until(middle);
      await carry({ op: 'restock', amount: random.int(1, 5) });
      break;
    default:
      await until(middle);
      await carry({ op: 'close' });
  }
  if (random.percent(50)) await carry({ op: 'close' });
}
