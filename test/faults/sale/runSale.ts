import { setTimeout as sleep } from 'node:timers/promises';
import type { Outcome } from '../records/requestHistory.ts';
import type { App } from '../stack/applications.ts';
import { runEndingCoupons } from './endingCoupons.ts';
import { runLife } from './life.ts';
import type { Pace } from './pace.ts';
import type { Random } from './random.ts';
import { runRefusalsThatEnd } from './refusalsThatEnd.ts';
import { isUnanswered, type SaleClient } from './saleClient.ts';
import { creationOf, type GrabIntent, type SalePlan } from './salePlan.ts';
import { runShortSales } from './shortSales.ts';

/** Clients at once, each with one request at a time. */
const CLIENTS = 56;
const FLASH_COUPON_EVERY_MS = 350;
/** The sale goes on for this many answers after the first 201 that follows the fault. */
const ANSWERS_AFTER_RECOVERY = 100;
/** Without a 201 for this long after the fault has ended, the system has not recovered. */
const RECOVERY_LIMIT_MS = 20_000;

/** The times are milliseconds since 1970. */
export interface SaleTimes {
  faultStartedAt: number;
  faultEndedAt: number;
  /** The first 201 after the fault has ended; absent if none came. */
  firstWinAt: number | undefined;
}

interface SaleDeps {
  plan: SalePlan;
  client: SaleClient;
  /** The applications at this moment. */
  apps: () => readonly App[];
  random: Random;
  pace: Pace;
  faultAfterMs: number;
  /** Resolves when the fault has ended. */
  injectFault: () => Promise<void>;
}

/** Runs a whole sale with the fault in the middle. The sale ends after the system has recovered. */
export async function runSale(deps: SaleDeps): Promise<SaleTimes> {
  const { plan, client, apps, random, pace, faultAfterMs, injectFault } = deps;
  const intents = [...plan.intents];
  const times: SaleTimes = {
    faultStartedAt: Number.POSITIVE_INFINITY,
    faultEndedAt: Number.POSITIVE_INFINITY,
    firstWinAt: undefined,
  };
  let answersAfterRecovery = 0;
  let failed = false;
  const recovered = () => times.firstWinAt !== undefined && answersAfterRecovery >= ANSWERS_AFTER_RECOVERY;
  const isOver = () =>
    failed || (intents.length === 0 && recovered()) || Date.now() > times.faultEndedAt + RECOVERY_LIMIT_MS;

  const listeningApps = () => apps().filter(({ pool }) => pool !== undefined);
  const sendGrab = async (
    intent: Pick<GrabIntent, 'customer' | 'coupon'>,
    key: string | undefined,
    app?: App,
  ): Promise<Outcome> => {
    const listening = listeningApps();
    if (listening.length === 0) return 'unsent';
    const invokedAt = Date.now();
    const { customer, coupon } = intent;
    const { outcome } = await client.send(app ?? random.pick(listening), { op: 'grab', customer, coupon }, key);
    if (outcome === 'ok' && invokedAt >= times.faultEndedAt) times.firstWinAt ??= Date.now();
    if (times.firstWinAt !== undefined) answersAfterRecovery++;
    return outcome;
  };
  const carryOut = async (intent: GrabIntent, firstApp?: App) => {
    let outcome = await sendGrab(intent, intent.key, firstApp);
    for (let retry = 0; retry < intent.retries && isUnanswered({ outcome }) && !isOver(); retry++) {
      await sleep(random.int(100, 600));
      outcome = await sendGrab(intent, intent.key);
    }
    if (isUnanswered({ outcome })) await sleep(random.int(50, 250));
    if (outcome === 'ok' && intent.repeatAfterWin !== 'no')
      await sendGrab(intent, intent.repeatAfterWin === 'same' ? intent.key : undefined);
  };
  const runClient = async () => {
    while (!isOver()) {
      // After the fault, clients grab the coupon that cannot be sold out: a 201 must be possible.
      const awaitsRecovery = times.faultEndedAt <= Date.now() && times.firstWinAt === undefined;
      const intent = awaitsRecovery ? undefined : intents.shift();
      await carryOut(intent ?? plan.extraIntent());
      // When all intents are carried out and the fault lasts, a slower crowd is enough.
      await sleep(pace.pauseMs() * (intent === undefined && !awaitsRecovery ? 3 : 1));
    }
  };
  // Created through one application and grabbed at once through another: the grab may reach MySQL before the coupon.
  const sellFlashCoupons = async () => {
    while (!isOver()) {
      const { coupon, intents: waiting, lateCrowd } = plan.flashCoupon();
      const [creator, ...others] = random.shuffled(listeningApps());
      const app = others[0] ?? creator;
      if (creator !== undefined && (await client.send(creator, creationOf(coupon))).outcome === 'ok') {
        await Promise.all(waiting.map((intent) => carryOut(intent, app)));
        // The late crowd makes the application read the holders, who then come again.
        for (const customer of lateCrowd) await sendGrab({ customer, coupon: coupon.name }, undefined, app);
        await Promise.all(waiting.map((intent) => sendGrab(intent, undefined, app)));
      }
      await sleep(FLASH_COUPON_EVERY_MS);
    }
  };
  const runFault = async () => {
    await sleep(faultAfterMs);
    await pace.rush();
    times.faultStartedAt = Date.now();
    await injectFault();
    times.faultEndedAt = Date.now();
  };
  const endingSaleOnFailure = (work: Promise<void>) =>
    work.catch((error) => {
      failed = true;
      throw error;
    });
  const life = { client, label: plan.label, listeningApps, random, pace, isOver, oneDesk: plan.oneDesk };
  await Promise.all([
    endingSaleOnFailure(runFault()),
    sellFlashCoupons(),
    runLife(life),
    runShortSales(life),
    runEndingCoupons(life),
    runRefusalsThatEnd(life),
    ...Array.from({ length: CLIENTS }, runClient),
  ]);
  return times;
}
