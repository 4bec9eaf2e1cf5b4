import type { Excuses } from './checker.ts';
import { appFaults } from './faultsOfApps.ts';
import { mysqlFaults } from './faultsOfMysql.ts';
import { redisFaults } from './faultsOfRedis.ts';
import type { Pace } from './fleet.ts';
import type { Random } from './random.ts';
import type { Stop, Violation } from './records.ts';
import type { Shape, Stack } from './stack.ts';

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

const none: Kind = { name: 'none', strike: async () => {} };

/** Neighbours share what they run on as far as possible: the next round then begins at once. */
export const kinds: readonly Kind[] = [none, ...appFaults, ...redisFaults, ...mysqlFaults];

const HOLDERS = 100_000;
const find = (name: string) => kinds.filter((kind) => kind.name === name);

/** Run by name only. */
export const bigKinds: readonly Kind[] = [
  ...find('redis-kill').map((kind) => ({ ...kind, name: 'redis-restart-100k', holders: HOLDERS })),
  ...find('redis-empty').map((kind) => ({
    ...kind,
    name: 'redis-rebuild-100k',
    holders: HOLDERS,
    shape: () => ({}),
  })),
];
