import type { Excuses } from '../checker/checkSale.ts';
import type { Stop, Violation } from '../checker/saleRecords.ts';
import type { Random } from '../sale/random.ts';
import type { Pace } from '../sale/runSale.ts';
import type { Shape, Stack } from '../stack/faultStack.ts';

/** What a fault has in its hands. */
export interface Scene {
  stack: Stack;
  random: Random;
  /** Every fault strikes in the middle of a rush; one that strikes twice asks for another. */
  pace: Pace;
  /** Where graceful stops are written down, for the checker. */
  stops: Stop[];
  /** What only the fault itself can see. */
  found(violation: Violation): void;
}

export interface Kind {
  name: string;
  /** One application on a plain Redis, unless this says otherwise. */
  shape?: (random: Random) => Partial<Shape>;
  excuses?: Excuses;
  /** Grabs of one coupon before the sale begins. */
  holders?: number;
  /** Strikes, and resolves when the fault is over. */
  strike(scene: Scene): Promise<void>;
}
