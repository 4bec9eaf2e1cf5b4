import { setTimeout as sleep } from 'node:timers/promises';
import type { Tolerance } from '../checker/checkSale.ts';
import type { GracefulStop, Violation } from '../records/saleRecords.ts';
import type { Pace } from '../sale/pace.ts';
import type { Random } from '../sale/random.ts';
import type { SaleClient } from '../sale/saleClient.ts';
import type { SalePlan } from '../sale/salePlan.ts';
import type { App } from '../stack/applications.ts';
import type { FaultStack } from '../stack/faultStack.ts';
import type { StoreServer } from '../stack/storeServers.ts';
import type { Topology } from '../stack/topology.ts';

/** What a fault can use and change. */
export interface FaultContext {
  stack: FaultStack;
  random: Random;
  /** The clients of the sale, for a fault that needs certain requests at certain moments. */
  client: SaleClient;
  plan: SalePlan;
  /** A fault begins in the middle of a rush; a fault with a second step may start another rush. */
  pace: Pace;
  /** The fault adds its graceful stops here, for the checker. */
  stops: GracefulStop[];
  /** Reports a violation that only the fault itself can see. */
  report(violation: Violation): void;
}

export interface FaultKind {
  name: string;
  /** What differs from one application and a Redis on a normal disk. */
  topology?: (random: Random) => Partial<Topology>;
  tolerance?: Tolerance;
  /** How many of the last applications the crowd does not use: they are the fault's own. */
  reservedApps?: number;
  /** Grabs of one coupon before the sale begins. */
  holders?: number;
  /** The kind is left out where the last release cannot be had. */
  needsLastRelease?: true;
  /** Resolves when the fault has ended. */
  inject(context: FaultContext): Promise<void>;
}

export const oneOrTwoApps = (random: Random) => ({ apps: random.int(1, 2) });

export const pickApp = ({ stack, random }: FaultContext): App => random.pick(stack.apps);

/** Half of the freezes are short, which keeps rounds short; the others are long enough for deadlines and timeouts. */
export const drawFreezeMs = ({ random }: FaultContext, longest: number) =>
  random.percent(50) ? random.int(3_900, longest) : random.int(300, 1_500);

export async function freezeStore(context: FaultContext, store: StoreServer, longest: number): Promise<void> {
  store.freeze();
  await sleep(drawFreezeMs(context, longest));
  store.thaw();
}
