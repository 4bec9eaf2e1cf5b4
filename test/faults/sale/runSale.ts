import { setTimeout as sleep } from 'node:timers/promises';
import type { Outcome } from '../checker/requestHistory.ts';
import type { App } from '../stack/applications.ts';
import type { Random } from './random.ts';
import type { Client } from './saleClient.ts';
import type { Plan, Visit } from './salePlan.ts';

const SLOTS = 56;
/** Longer than the longest pause, so that everybody has come out of theirs. */
const RUSH_MS = 120;
const FLASH_EVERY_MS = 350;
/** Answers after the first 201 that follows the fault, before the sale may end. */
const ANSWERS_AFTERWARDS = 100;
/** A system that sells nothing for so long after the fault has ended does not recover. */
const RECOVERY_LIMIT_MS = 20_000;

/** How hard the crowd presses. */
export interface Pace {
  /** Nobody pauses for a moment; resolves in the middle of it, with requests under way on every connection. */
  rush(): Promise<void>;
  pauseMs(): number;
}

export function createPace(random: Random): Pace {
  let rushUntil = 0;
  return {
    async rush() {
      rushUntil = performance.now() + RUSH_MS + 50;
      await sleep(RUSH_MS);
    },
    pauseMs: () => (performance.now() < rushUntil ? 0 : random.int(20, 90)),
  };
}

export interface Sale {
  /** Milliseconds since 1970. */
  struckAt: number;
  healedAt: number;
  /** The first 201 after the fault has ended; absent when none came. */
  firstWinAt: number | undefined;
}

interface SaleDeps {
  plan: Plan;
  client: Client;
  /** The applications as they are at this moment. */
  apps: () => readonly App[];
  random: Random;
  pace: Pace;
  strikeAfterMs: number;
  /** Resolves when the fault has come and gone. */
  strike: () => Promise<void>;
}

/** The whole sale: a crowd on `SLOTS` connections, the fault in the middle of it, and no end before it sells again. */
export async function runSale({ plan, client, apps, random, pace, strikeAfterMs, strike }: SaleDeps): Promise<Sale> {
  const visits = [...plan.visits];
  const sale: Sale = { struckAt: Number.POSITIVE_INFINITY, healedAt: Number.POSITIVE_INFINITY, firstWinAt: undefined };
  let answers = 0;
  let failed = false;
  const recovered = () => sale.firstWinAt !== undefined && answers >= ANSWERS_AFTERWARDS;
  const over = () => failed || (visits.length === 0 && recovered()) || Date.now() > sale.healedAt + RECOVERY_LIMIT_MS;

  const listening = () => apps().filter(({ pool }) => pool !== undefined);
  const tryOnce = async (visit: Visit, key: string | undefined, app?: App): Promise<Outcome> => {
    const up = listening();
    if (up.length === 0) return 'unsent';
    const invokedAt = Date.now();
    const outcome = await client.grab(app ?? random.pick(up), visit, key);
    if (outcome === 'ok' && invokedAt >= sale.healedAt) sale.firstWinAt ??= Date.now();
    if (sale.firstWinAt !== undefined) answers++;
    return outcome;
  };
  const carryOut = async (visit: Visit, first?: App) => {
    let outcome = await tryOnce(visit, visit.key, first);
    for (let retry = 0; retry < visit.retries && (outcome === 'unknown' || outcome === 'unsent') && !over(); retry++) {
      await sleep(random.int(100, 600));
      outcome = await tryOnce(visit, visit.key);
    }
    if (outcome === 'unknown' || outcome === 'unsent') await sleep(random.int(50, 250));
    if (outcome === 'ok' && visit.again !== 'no') await tryOnce(visit, visit.again === 'same' ? visit.key : undefined);
  };
  const slot = async () => {
    while (!over()) {
      // Whatever else is sold out by then: after the fault there is something to win.
      const waiting = sale.healedAt <= Date.now() && sale.firstWinAt === undefined;
      const visit = waiting ? undefined : visits.shift();
      await carryOut(visit ?? plan.spare());
      // A long fault is waited for at leisure: what matters is that somebody keeps coming.
      await sleep(pace.pauseMs() * (visit === undefined && !waiting ? 3 : 1));
    }
  };
  // Put up through one application and grabbed at once through another: MySQL may hear of the grab first.
  const flash = async () => {
    while (!over()) {
      const { coupon, visits: waiting } = plan.flash();
      const [creator, ...others] = random.shuffled(listening());
      if (creator !== undefined && (await client.create(creator, coupon)) === 'ok')
        await Promise.all(waiting.map((visit) => carryOut(visit, others[0] ?? creator)));
      await sleep(FLASH_EVERY_MS);
    }
  };
  const fault = async () => {
    await sleep(strikeAfterMs);
    await pace.rush();
    sale.struckAt = Date.now();
    await strike();
    sale.healedAt = Date.now();
  };
  const guarded = (work: Promise<void>) =>
    work.catch((error) => {
      failed = true;
      throw error;
    });
  await Promise.all([guarded(fault()), flash(), ...Array.from({ length: SLOTS }, slot)]);
  return sale;
}
