import { Unavailable } from '../unavailable.ts';
import type { Log } from './telemetry/log.ts';

/** Guards every decision and every query of the Redis data: while the gate is shut, the answer is 503 and never a refusal. */
export interface Gate {
  /** Shuts the gate for this reason. A gate may be shut for several reasons at once. */
  shut(reason: string): void;
  /** Withdraws this reason. The gate opens when no reason is left. */
  clear(reason: string): void;
  isShutFor(reason: string): boolean;
  /** All reasons in one text; undefined while the gate is open. */
  reason(): string | undefined;
  /** When the gate was last opened, or last shut after it was open, in milliseconds since 1970 on the clock of this process. For operators. */
  since(): number;
  /** The number of calls of `shut` so far. While the number stays the same, results cached while the gate was open stay valid. */
  shuts(): number;
  /** Throws Unavailable (src/unavailable.ts) while the gate is shut. */
  mustBeOpen(): void;
}

export function createGate(log: Log): Gate {
  const reasons = new Set<string>();
  let shuts = 0;
  let since = Date.now();
  const reason = () => (reasons.size === 0 ? undefined : [...reasons].join('; '));
  return {
    shut(why) {
      if (!reasons.has(why)) log.info({ why }, 'gate shut; grabs and lists get 503');
      if (reasons.size === 0) since = Date.now();
      reasons.add(why);
      shuts++;
    },
    clear(why) {
      if (!reasons.delete(why) || reasons.size > 0) return;
      since = Date.now();
      log.info('gate open');
    },
    isShutFor: (why) => reasons.has(why),
    reason,
    since: () => since,
    shuts: () => shuts,
    mustBeOpen() {
      const why = reason();
      if (why !== undefined) throw new Unavailable(why);
    },
  };
}
