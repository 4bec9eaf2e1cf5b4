import { setTimeout as sleep } from 'node:timers/promises';
import type { Command, Request } from '../records/requestHistory.ts';
import type { App } from '../stack/applications.ts';
import type { Pace } from './pace.ts';
import { LARGEST_SEED, type Random } from './random.ts';
import { isUnanswered, type SaleClient } from './saleClient.ts';
import { livelyCoupons } from './salePlan.ts';

// Customers who grab and give back, tills that redeem codes and undo it, and a seller who changes the coupons all the time.

const CLIENTS = 14;
/** Several clients share a customer, so that requests of one customer meet. */
const CUSTOMERS = 9;
const DESKS = 2;
const RETRIES = 4;
/** Codes that are used again: those won last. Some of them are redeemed or dead. */
const RECENT_CODES = 24;
const TERMS_MS = [40, 300] as const;

export interface LifeDeps {
  client: SaleClient;
  label: string;
  listeningApps: () => readonly App[];
  random: Random;
  pace: Pace;
  isOver: () => boolean;
  /** Whether only one application gets the changes: what the other one remembers must give way all the same. */
  oneDesk: boolean;
}

/** Sends a command, half of the commands with a key; a command with a key is sent again after an unknown outcome and sometimes after a success. */
export async function carryOut(deps: LifeDeps, command: Command): Promise<Request | undefined> {
  const { client, listeningApps, random, isOver, oneDesk } = deps;
  const key = random.percent(50) ? random.int(0, LARGEST_SEED).toString(36) : undefined;
  const send = async () => {
    const apps = oneDesk && command.op !== 'grab' ? listeningApps().slice(0, 1) : listeningApps();
    return apps.length === 0 ? undefined : client.send(random.pick(apps), command, key);
  };
  let request = await send();
  for (let retry = 0; key !== undefined && retry < RETRIES && !isOver(); retry++) {
    const unanswered = request === undefined || isUnanswered(request);
    if (!unanswered && !(request?.outcome === 'ok' && retry === 0 && random.percent(25))) break;
    if (unanswered) await sleep(random.int(100, 600));
    request = await send();
  }
  return request;
}

/** Resolves when the sale is over. */
export async function runLife(deps: LifeDeps): Promise<void> {
  const { label, random, pace, isOver } = deps;
  const customers = Array.from({ length: CUSTOMERS }, (_, i) => `Zoë-${i + 1}.${label}`);
  const codes: Required<Pick<Request, 'coupon' | 'customer' | 'code'>>[] = [];

  const grab = async () => {
    const [customer, { name: coupon }] = [random.pick(customers), random.pick(livelyCoupons)];
    const request = await carryOut(deps, { op: 'grab', customer, coupon });
    if (request?.wonCode !== undefined) codes.push({ coupon, customer, code: request.wonCode });
  };
  const useCode = async () => {
    const { coupon, customer, code } = random.pick(codes.slice(-RECENT_CODES));
    const turn = random.int(1, 100);
    const command: Command =
      turn <= 35
        ? { op: 'release', coupon, customer, code }
        : turn <= 45
          ? { op: 'release', coupon, customer }
          : { op: turn <= 80 ? 'redeem' : 'undo', coupon, code };
    // Two tills, or two windows of one customer: one of them at most can succeed.
    const atOnce = random.percent(25) ? 2 : 1;
    await Promise.all(Array.from({ length: atOnce }, () => carryOut(deps, command)));
  };
  const runClient = async () => {
    while (!isOver()) {
      await (codes.length > 0 && random.percent(45) ? useCode() : grab());
      await sleep(pace.pauseMs());
    }
  };
  const runDesk = async () => {
    while (!isOver()) {
      await carryOut(deps, { coupon: random.pick(livelyCoupons).name, ...drawChange(random) });
      await sleep(random.int(20, 120));
    }
  };
  await Promise.all([...Array.from({ length: CLIENTS }, runClient), ...Array.from({ length: DESKS }, runDesk)]);
}

/** A command of the seller; the coupons are on sale most of the time. */
function drawChange(random: Random): Pick<Command, 'op' | 'amount' | 'terms'> {
  const turn = random.int(1, 100);
  if (turn <= 30) return { op: 'restock', amount: random.int(1, 3) };
  if (turn <= 42) return { op: 'pause' };
  if (turn <= 66) return { op: 'resume' };
  const soon = (Date.now() + random.int(...TERMS_MS)) * 1_000;
  return { op: 'change', terms: random.pick(termsAround(soon)) };
}

const always = { startsAt: null, endsAt: null };
const termsAround = (soon: number): NonNullable<Command['terms']>[] => [
  { startsAt: soon, endsAt: null },
  { startsAt: null, endsAt: soon },
  { startsAt: soon, endsAt: soon + 300_000 },
  { validFrom: soon, validUntil: null },
  { validFrom: null, validUntil: soon },
  { stock: 7, description: 'now 7 off' },
  always,
  always,
  always,
  { ...always, validFrom: null, validUntil: null },
  { validFrom: null, validUntil: null },
];
