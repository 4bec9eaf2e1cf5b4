import { setTimeout as sleep } from 'node:timers/promises';
import type { Command } from '../records/requestHistory.ts';
import type { LifeDeps } from './life.ts';
import { creationOf } from './salePlan.ts';

// Coupons that never sell out, each on sale for a moment, with new customers until after its end. An end falls into nearly every fault,
// and a grab of that coupon is under way when the fault begins: only then can a process and Redis differ about whether it came in time.

const END_EVERY_MS = 300;
const ON_SALE_MS = 2 * END_EVERY_MS;
const AFTER_END_MS = 60;
const CLIENTS = 2;
const PAUSE_MS = 4;

/** Resolves when the sale is over and the last coupon has ended. */
export async function runEndingCoupons(deps: LifeDeps): Promise<void> {
  const coupons: Promise<void>[] = [];
  while (!deps.isOver()) {
    coupons.push(runCoupon(deps, `kurz da ${coupons.length + 1}`));
    await sleep(END_EVERY_MS);
  }
  await Promise.all(coupons);
}

async function runCoupon({ client, label, random, listeningApps }: LifeDeps, coupon: string): Promise<void> {
  const endsAt = Date.now() + ON_SALE_MS;
  const send = async (command: Command) => {
    const apps = listeningApps();
    if (apps.length > 0) await client.send(random.pick(apps), command);
  };
  await send(creationOf({ name: coupon, amount: 1_000_000, terms: { endsAt: endsAt * 1_000 } }));
  let customers = 0;
  const grabInTurn = async () => {
    while (Date.now() < endsAt + AFTER_END_MS) {
      await send({ op: 'grab', customer: `${coupon.replaceAll(' ', '-')}-${++customers}.${label}`, coupon });
      await sleep(PAUSE_MS);
    }
  };
  await Promise.all(Array.from({ length: CLIENTS }, grabInTurn));
}
